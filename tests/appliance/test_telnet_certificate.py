"""The certificate of Telnet over TLS: made once, made anew in time, followed when its files change."""

from __future__ import annotations

import contextlib
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.making_certificates import make
from appliance.telnet_certificate import DAYS, TelnetCertificate, own_addresses, own_names
from tests import needs


def config(folder: Path, **env: str) -> Config:
    return Config.load({f"CALLISTO_{key}": value for key, value in env.items()}, folder)


def own(folder: Path) -> TelnetCertificate:
    (folder / "var").mkdir(exist_ok=True)
    found = TelnetCertificate.of(config(folder))
    found.look()
    return found


def write(certificate: Path, key: Path, days: int = 100) -> None:
    make(certificate, key, names=("callisto",), addresses=("127.0.0.1",), now=datetime.now(UTC), days=days)


def shown(certificate: Path, *what: str) -> str:
    """As openssl shows it."""
    command = [needs.program("openssl"), "x509", "-in", str(certificate), "-noout", *what]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_web_has_one_of_its_own_beside_it(tmp_path: Path) -> None:
    own(tmp_path)
    found = TelnetCertificate.of_web(config(tmp_path))
    found.look()
    assert found.context()
    assert found.facts()["tls_fingerprint"] != own(tmp_path).facts()["tls_fingerprint"]
    assert config(tmp_path).web_certificate[0].name == "web.crt"
    crt, key = config(tmp_path).web_certificate
    supplied = config(tmp_path, WEB_TLS_CERTIFICATE=str(crt), WEB_TLS_KEY=str(key))
    assert TelnetCertificate.of_web(supplied).facts()["tls_own"] is False


def test_the_first_start_makes_one_for_this_machine_that_only_we_can_read(tmp_path: Path) -> None:
    certificate = own(tmp_path)
    crt, key = config(tmp_path).telnet_certificate
    assert {stat.S_IMODE(file.stat().st_mode) for file in (crt, key)} == {0o600}
    assert stat.S_IMODE(crt.parent.stat().st_mode) == 0o700
    text = shown(crt, "-text")
    for fact in ("prime256v1", "ecdsa-with-SHA256", "DNS:localhost", "IP Address:127.0.0.1", "CA:FALSE"):
        assert fact in text
    assert f"DNS:{own_names()[0]}" in text
    facts = certificate.facts()
    assert shown(crt, "-fingerprint", "-sha256").strip().endswith(f"={facts['tls_fingerprint']}")
    ends = datetime.fromisoformat(str(facts["tls_ends"]))
    assert timedelta(days=DAYS - 1) < ends - datetime.now(UTC) <= timedelta(days=DAYS)
    assert "tls_problem" not in facts


def test_a_client_that_trusts_it_verifies_the_address(tmp_path: Path) -> None:
    certificate = own(tmp_path)
    client = ssl.create_default_context(cafile=str(config(tmp_path).telnet_certificate[0]))
    incoming, outgoing, back, forth = (ssl.MemoryBIO() for _ in range(4))
    server = certificate.context().wrap_bio(incoming, outgoing, server_side=True)
    asking = client.wrap_bio(back, forth, server_hostname="127.0.0.1")
    for _ in range(4):
        for side, own_out, other_in in ((asking, forth, incoming), (server, outgoing, back)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            other_in.write(own_out.read())
    assert asking.version() == "TLSv1.3"


def test_a_later_start_keeps_it(tmp_path: Path) -> None:
    first = own(tmp_path).facts()
    assert own(tmp_path).facts() == first


@pytest.mark.parametrize("damage", ["gone", "cut", "another key"])
def test_one_of_ours_that_cannot_be_used_is_made_anew(tmp_path: Path, damage: str) -> None:
    first = own(tmp_path).facts()
    crt, key = config(tmp_path).telnet_certificate
    match damage:
        case "gone":
            key.unlink()
        case "cut":
            crt.write_bytes(crt.read_bytes()[:100])
        case _:
            write(tmp_path / "other.crt", key)
    again = own(tmp_path).facts()
    assert again["tls_fingerprint"] != first["tls_fingerprint"]
    assert "tls_problem" not in again


def test_one_of_ours_is_made_anew_two_months_before_its_end_while_we_run(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    times = [now]
    crt, key = tmp_path / "a.crt", tmp_path / "a.key"
    certificate = TelnetCertificate(crt, key, lambda c, k: write(c, k, days=100), clock=lambda: times[0])
    certificate.look()
    first = certificate.facts()
    times[0] = now + timedelta(days=39)
    certificate.look()
    assert certificate.facts() == first
    times[0] = now + timedelta(days=41)
    certificate.look()
    assert certificate.facts()["tls_fingerprint"] != first["tls_fingerprint"]


def test_a_supplied_one_is_followed_when_its_files_change_and_never_touched(tmp_path: Path) -> None:
    crt, key = tmp_path / "a.crt", tmp_path / "a.key"
    write(crt, key, days=1)
    settings = {"TELNET_TLS_CERTIFICATE": str(crt), "TELNET_TLS_KEY": str(key)}
    certificate = TelnetCertificate.of(config(tmp_path, **settings))
    certificate.look()
    first, context = certificate.facts(), certificate.context()
    assert first["tls_own"] is False
    crt.write_text("half a file")
    certificate.look()
    assert "cannot be used" in str(certificate.facts()["tls_problem"])
    assert certificate.facts()["tls_fingerprint"] == first["tls_fingerprint"]
    assert certificate.context() is context
    assert crt.read_text() == "half a file"
    write(crt, key)
    certificate.look()
    assert "tls_problem" not in certificate.facts()
    assert certificate.context() is not context


def test_a_disk_that_takes_nothing_leaves_the_rest_of_the_shell_alone(tmp_path: Path) -> None:
    def refuse(_certificate: Path, _key: Path) -> None:
        raise OSError(28, "No space left on device")

    certificate = TelnetCertificate(tmp_path / "a.crt", tmp_path / "a.key", refuse)
    certificate.look()
    assert "No space left on device" in str(certificate.facts()["tls_problem"])
    with pytest.raises(ValueError, match="no certificate"):
        certificate.context()


def test_a_machine_that_listens_everywhere_has_all_its_addresses_in_it() -> None:
    assert own_addresses("192.0.2.1") == ("192.0.2.1",)
    assert "127.0.0.1" in own_addresses("0.0.0.0")
