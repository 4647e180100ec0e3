"""Whose manifest it is: CMS signatures after RFC 5652, by the program `openssl`.

The signer's certificate must come from an authority in the keyring and be meant for code (RFC 5280,
4.2.1.12: id-kp-codeSigning). Its period is not looked at: a release stays good after its key has been
replaced, and a machine without a clock of its own may believe that it is 1970.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAM = "openssl"
WITHIN = 30.0
CODE = "1.3.6.1.5.5.7.3.3"
"""id-kp-codeSigning."""
_CODE_NAMES = ("Code Signing", CODE)
TOKEN = "pkcs11:"
"""RFC 7512."""
_ENGINE = "pkcs11"
_UNREADABLE = "failed loading private key"


class SignatureError(Exception):
    """Not signed by whom it has to be; the text says what openssl found."""


def verify(content: bytes, signature: bytes, keyring: Path) -> str:
    """The name of the signer. `keyring`: PEM, the authorities and nobody else. Raises SignatureError."""
    return _verified(signature, content, keyring)[1]


def verify_attached(signature: bytes, keyring: Path) -> tuple[bytes, str]:
    """What was signed, which the signature has inside, and the name of the signer. Raises SignatureError."""
    return _verified(signature, None, keyring)


def sign(content: bytes, certificate: Path, key: str, *, attached: bool = False) -> bytes:
    """`key`: a file, or the pkcs11: URI (RFC 7512) of one in a token. `attached`: the content is inside the
    signature. Raises SignatureError."""
    named = _in_token(key) if key.startswith(TOKEN) else key
    with tempfile.TemporaryDirectory(prefix="callisto-sign-") as name:
        folder = Path(name)
        (folder / "content").write_bytes(content)
        _run(
            "cms",
            "-sign",
            "-binary",
            *(("-nodetach",) if attached else ()),
            *("-in", str(folder / "content"), "-outform", "DER", "-out", str(folder / "signature")),
            *("-signer", str(certificate), "-inkey", named, "-md", "sha256", "-nosmimecap"),
        )
        return (folder / "signature").read_bytes()


def _in_token(key: str) -> str:
    """As OpenSSL 3 names a key that one of its engines reads. Raises SignatureError without the engine."""
    try:
        _run("engine", _ENGINE)
    except SignatureError as exc:
        package = "apt-get install libengine-pkcs11-openssl"
        raise SignatureError(f"{PROGRAM} reaches no key in a token here: {package}") from exc
    return f"org.openssl.engine:{_ENGINE}:{key}"


def _verified(signature: bytes, content: bytes | None, keyring: Path) -> tuple[bytes, str]:
    if not keyring.is_file():
        raise SignatureError(
            f"there is no keyring {keyring}; name the file with the authority of the releases"
        )
    with tempfile.TemporaryDirectory(prefix="callisto-verify-") as name:
        folder = Path(name)
        (folder / "signature").write_bytes(signature)
        if content is not None:
            (folder / "content").write_bytes(content)
        _run(
            "cms",
            "-verify",
            "-binary",
            *("-inform", "DER", "-in", str(folder / "signature")),
            *(("-content", str(folder / "content")) if content is not None else ()),
            *("-CAfile", str(keyring), "-no-CApath", "-no-CAstore"),
            *("-purpose", "any", "-no_check_time"),
            *("-signer", str(folder / "signer"), "-out", str(folder / "verified")),
        )
        return (folder / "verified").read_bytes(), _signer(folder / "signer")


def _signer(certificate: Path) -> str:
    """His name. Raises SignatureError for one whose key is not meant for code."""
    said = _run(
        *("x509", "-in", str(certificate), "-noout"),
        *("-subject", "-nameopt", "RFC2253", "-ext", "extendedKeyUsage"),
    )
    subject, _, usage = said.partition("\n")
    if not subject.startswith("subject="):
        raise SignatureError(f"{PROGRAM} does not say who signed it")
    if not any(name in usage for name in _CODE_NAMES):
        raise SignatureError("the key that signed it is not meant for code")
    return subject.removeprefix("subject=").strip()


def _run(*args: str) -> str:
    program = shutil.which(PROGRAM)
    if program is None:
        raise SignatureError(f"{PROGRAM} is not on this machine: apt-get install {PROGRAM}")
    try:
        done = subprocess.run(
            (program, *args),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            # Else `openssl x509` reads all the authorities of this machine, and asks none of them.
            env={**os.environ, "SSL_CERT_FILE": os.devnull},
            timeout=WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SignatureError(f"{PROGRAM} could not say: {exc}") from exc
    if done.returncode:
        raise SignatureError(_reason(done.stderr.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def _reason(said: str) -> str:
    """The last thing openssl complains of, without its numbers."""
    for line in reversed(said.splitlines()):
        if "Verify error:" in line:
            return line.rpartition("Verify error:")[2].strip()
    lines = [line.split(":")[5] for line in said.splitlines() if line.count(":") >= 6]
    if "content verify error" in lines:
        return "the content is not what was signed"
    if len(lines) > 1 and lines[-1] == _UNREADABLE:
        return f"the key cannot be read: {lines[0]}"
    return lines[-1] if lines else (said.strip()[:200] or "openssl refused it without a word")
