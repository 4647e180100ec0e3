"""Signatures: ours are good, and nobody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firmware.signature import SignatureError, sign, verify
from tests.firmware import signing
from tests.firmware.signing import Keys

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
