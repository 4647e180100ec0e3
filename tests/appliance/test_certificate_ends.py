"""Certificates as openssl makes them: when they end, and whose they are; anything else is refused."""

from __future__ import annotations

import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.certificates import CertificateError, blocks, first_to_end, read
from tests import needs


def made(folder: Path, name: str, days: int, subject: str) -> bytes:
    subprocess.run(
        [needs.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", str(days), "-subj", subject, "-keyout", f"{folder}/{name}.key",
         "-out", f"{folder}/{name}.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return (folder / f"{name}.pem").read_bytes()


@pytest.mark.parametrize("days", [1, 365, 40 * 365])
def test_the_end_is_that_of_the_certificate(tmp_path: Path, days: int) -> None:
    """After 2049 times are written another way (RFC 5280 section 4.1.2.5)."""
    found = first_to_end(made(tmp_path, "one", days, "/O=Example/CN=callisto.example"))
    assert found.subject == "callisto.example"
    assert abs(found.ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)
    assert found.ends - found.begins == timedelta(days=days)


def test_of_several_the_first_to_end_counts(tmp_path: Path) -> None:
    text = made(tmp_path, "a", 300, "/CN=a") + b"words between\n" + made(tmp_path, "b", 30, "/CN=b")
    assert first_to_end(text).subject == "b"


def test_without_a_common_name_what_there_is_is_told(tmp_path: Path) -> None:
    assert first_to_end(made(tmp_path, "o", 3, "/O=Example/C=CH")).subject == "Example, CH"


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
     b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"],
)  # fmt: skip
def test_what_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(CertificateError):
        first_to_end(text)


def test_a_damaged_one_is_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    (der,) = blocks(made(tmp_path, "one", 30, "/CN=callisto"))
    chance = random.Random(7)
    for _ in range(3000):
        broken = bytearray(der[: chance.randrange(len(der))] if chance.random() < 0.5 else der)
        for _ in range(chance.randrange(4)):
            if broken:
                broken[chance.randrange(min(200, len(broken)))] = chance.randrange(256)
        try:
            read(bytes(broken))
        except CertificateError:
            continue
