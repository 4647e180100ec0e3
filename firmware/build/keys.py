"""Who signs images and updates: the maker, or this checkout with keys of its own for trying."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from firmware.build.running import BuildError, program, run

CERTIFICATE, KEY, KEYRING = "CALLISTO_SIGN_CERTIFICATE", "CALLISTO_SIGN_KEY", "CALLISTO_SIGN_KEYRING"
DAYS = "3650"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256")
USAGE = (
    "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nbasicConstraints=critical,CA:false\n"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """`key`: a file, or the pkcs11: URI of one in a token; `keyring`: the authority, goes into the image."""

    certificate: Path
    key: str
    keyring: Path
    own: bool
    """Whether they were made here: nobody else's machine takes what they sign."""


def chosen(folder: Path) -> Keys:
    """Those that the environment names, or those in `folder`, made if there are none. Raises BuildError."""
    named = {name: os.environ.get(name, "") for name in (CERTIFICATE, KEY, KEYRING)}
    if not any(named.values()):
        return own(folder)
    lacking = [name for name, value in named.items() if not value]
    if lacking:
        raise BuildError(f"{lacking[0]} is not set, but another of the three is", "set all three, or none")
    for name in (CERTIFICATE, KEYRING):
        if not Path(named[name]).is_file():
            raise BuildError(f"{name}: there is no file {named[name]}", "name a PEM file")
    certificate, keyring = (Path(named[name]).absolute() for name in (CERTIFICATE, KEYRING))
    return Keys(certificate, named[KEY], keyring, own=False)


def own(folder: Path) -> Keys:
    """Those in `folder`, made if there are none. Raises BuildError."""
    keys = Keys(folder / "release.pem", str(folder / "release.key"), folder / "ca.pem", own=True)
    if keys.certificate.exists():
        return keys
    openssl = program("openssl", "openssl")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = {name: folder / name for name in ("ca.key", "request", "extensions", "release.new")}
    new["extensions"].write_text(USAGE)
    authority = ("-subj", "/CN=Callisto development authority", "-days", DAYS)
    run([openssl, "req", "-x509", *CURVE, "-keyout", new["ca.key"], "-out", keys.keyring, *authority])
    signer = ("-keyout", keys.key, "-out", new["request"], "-subj", "/CN=Callisto development")
    run([openssl, "req", "-new", *CURVE, *signer])
    by = ("-CA", keys.keyring, "-CAkey", new["ca.key"], "-days", DAYS, "-extfile", new["extensions"])
    run([openssl, "x509", "-req", "-sha256", "-in", new["request"], "-out", new["release.new"], *by])
    for secret in (new["ca.key"], Path(keys.key)):
        secret.chmod(0o600)
    for one in ("request", "extensions"):
        new[one].unlink()
    new["release.new"].rename(keys.certificate)
    return keys
