"""Signatures: ours are good, and nobody else's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from firmware.signature import SignatureError, sign, verify, verify_attached
from tests import needs
from tests.firmware import signing
from tests.firmware.signing import Keys

PIN = "4711"
CONTENT = b'{"version": "1.4.0"}\n'


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return signing.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signature(keys: Keys) -> bytes:
    return sign(CONTENT, keys.certificate, str(keys.key))


def test_a_signature_of_ours_tells_the_signer(keys: Keys, signature: bytes) -> None:
    assert verify(CONTENT, signature, keys.ca) == "CN=Test releases"


def test_another_content_is_refused(keys: Keys, signature: bytes) -> None:
    with pytest.raises(SignatureError, match="not what was signed"):
        verify(CONTENT + b" ", signature, keys.ca)


def test_the_signature_of_another_authority_is_refused(keys: Keys, signature: bytes, tmp_path: Path) -> None:
    foreign = signing.make(tmp_path, name="Foreign releases")
    with pytest.raises(SignatureError, match=r"self-signed certificate|issuer certificate"):
        verify(CONTENT, signature, foreign.ca)
    with pytest.raises(SignatureError):
        verify(CONTENT, sign(CONTENT, foreign.certificate, str(foreign.key)), keys.ca)


def test_a_key_that_is_not_meant_for_code_is_refused(tmp_path: Path) -> None:
    keys = signing.make(tmp_path, usage="serverAuth,emailProtection")
    with pytest.raises(SignatureError, match="not meant for code"):
        verify(CONTENT, sign(CONTENT, keys.certificate, str(keys.key)), keys.ca)


def test_a_release_stays_good_when_its_key_has_run_out(tmp_path: Path) -> None:
    keys = signing.make(tmp_path, days=0)
    assert verify(CONTENT, sign(CONTENT, keys.certificate, str(keys.key)), keys.ca)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_truncated_signature_is_refused(keys: Keys, signature: bytes, cut: int) -> None:
    with pytest.raises(SignatureError):
        verify(CONTENT, signature[:cut], keys.ca)


def test_a_byte_of_the_signature_that_was_changed_is_noticed(keys: Keys, signature: bytes) -> None:
    changed = bytearray(signature)
    changed[-3] ^= 1
    with pytest.raises(SignatureError):
        verify(CONTENT, bytes(changed), keys.ca)


def test_without_a_keyring_nothing_is_believed(signature: bytes, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"no keyring .*none\.pem"):
        verify(CONTENT, signature, tmp_path / "none.pem")


def test_a_program_that_tells_no_signer_is_not_believed(
    keys: Keys, signature: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that says its lines in another order."""
    odd = tmp_path / "openssl"
    odd.write_text(f'#!/bin/sh\n[ "$1" = x509 ] && echo "X509v3 Code Signing" && exit\nexec {which()} "$@"\n')
    odd.chmod(0o755)
    monkeypatch.setattr("firmware.signature.PROGRAM", str(odd))
    with pytest.raises(SignatureError, match="does not say who signed"):
        verify(CONTENT, signature, keys.ca)


def which() -> str:
    found = shutil.which("openssl")
    assert found
    return found


@pytest.fixture
def token(keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key in a token of SoftHSM, a PKCS #11 module; without a PIN, the URI (RFC 7512) of it."""
    program = needs.program("softhsm2-util", "softhsm2")
    if not any(Path("/usr/lib").glob("*/engines-3/pkcs11.so")):
        needs.missing("openssl reads no tokens: apt-get install libengine-pkcs11-openssl")
    module = next(Path("/usr/lib").glob("**/softhsm/libsofthsm2.so"))
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    monkeypatch.setenv("PKCS11_MODULE_PATH", str(module))

    def run(*args: str) -> None:
        subprocess.run((program, *args, "--pin", PIN), check=True, capture_output=True, timeout=60)

    run("--init-token", "--free", "--label", "callisto", "--so-pin", "87654321")
    run("--import", str(keys.key), "--token", "callisto", "--label", "release", "--id", "01")
    (tmp_path / "pin").write_text(PIN)
    return "pkcs11:token=callisto;object=release;type=private"


def test_a_key_in_a_token_signs(keys: Keys, token: str, tmp_path: Path) -> None:
    key = f"{token};pin-source=file:{tmp_path}/pin"
    assert verify(CONTENT, sign(CONTENT, keys.certificate, key), keys.ca) == "CN=Test releases"
    attached = sign(CONTENT, keys.certificate, key, attached=True)
    assert verify_attached(attached, keys.ca) == (CONTENT, "CN=Test releases")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"release": "nobody"}, "the key cannot be read: object not found"),
        ({"/pin": "/wrong"}, "the key cannot be read: PIN incorrect"),
    ],
)
def test_a_token_that_does_not_sign_says_why(
    keys: Keys, token: str, tmp_path: Path, changed: dict[str, str], says: str
) -> None:
    (tmp_path / "wrong").write_text("0000")
    key = f"{token};pin-source=file:{tmp_path}/pin"
    for was, now in changed.items():
        key = key.replace(was, now)
    with pytest.raises(SignatureError, match=says):
        sign(CONTENT, keys.certificate, key)


def test_without_the_engine_for_tokens_its_package_is_named(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needs.program("openssl")
    monkeypatch.setenv("OPENSSL_ENGINES", str(tmp_path))
    with pytest.raises(SignatureError, match="apt-get install libengine-pkcs11-openssl"):
        sign(CONTENT, keys.certificate, "pkcs11:object=release")
