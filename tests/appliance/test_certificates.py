"""The TLS certificates are looked at before anything starts."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.demo.local import free_port
from appliance.preflight import check_certificates, check_ports
from tests import needs


def load(folder: Path, settings: dict[str, str]) -> Config:
    return Config.load({f"CALLISTO_{key}": value for key, value in settings.items()}, folder)


def certificate(folder: Path, name: str, *more: str) -> None:
    """A self-signed one, `name`.pem with the key `name`.key."""
    command = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-subj",
        f"/CN={name}",
        "-days",
        "1",
        *(more or ("-nodes",)),
    ]
    files = ["-out", str(folder / f"{name}.pem"), "-keyout", str(folder / f"{name}.key")]
    subprocess.run([needs.program("openssl"), *command, *files], check=True, capture_output=True)


def with_certificate(folder: Path, certificate: str, key: str, ca: str = "") -> Config:
    names = {"CERTIFICATE": certificate, "KEY": key, "CA": ca}
    return load(folder, {f"TLS_{key}": value for key, value in names.items()})


def test_a_certificate_with_its_key_is_fine(tmp_path: Path) -> None:
    certificate(tmp_path, "a")
    check_certificates(with_certificate(tmp_path, "a.pem", "a.key", "a.pem"))
    check_certificates(with_certificate(tmp_path, "", ""))


def test_what_is_wrong_with_a_certificate_is_named(tmp_path: Path) -> None:
    certificate(tmp_path, "a")
    certificate(tmp_path, "b", "-passout", "pass:secret")
    (tmp_path / "garbage.pem").write_bytes(b"\xff no certificate")
    for files, told in [
        (("gone.pem", "a.key"), "tls_certificate: .*No such file"),
        (("garbage.pem", "a.key"), "tls_certificate: .*cannot be used"),
        (("b.pem", "a.key"), "tls_certificate: .*belong together"),
        (("b.pem", "b.key"), "tls_certificate: .*asks for a password"),
        (("a.pem", "a.key", "garbage.pem"), "tls_ca: .*has to be a PEM file"),
    ]:
        with pytest.raises(ConfigError, match=told) as caught:
            check_certificates(with_certificate(tmp_path, *files))
        assert "\n" not in str(caught.value)


def test_the_tls_port_is_looked_at_only_when_it_is_used(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        taken_one = {"SIPS_PORT": str(port)}
        for name in ("TELNET_PORT", "TELNETS_PORT", "SIP_PORT", "MEDIA_PORT", "WEB_PORT"):
            taken_one[name] = str(free_port())
        check_ports(load(tmp_path, taken_one))
        with pytest.raises(ConfigError, match=f"^sips_port: {port} is in use"):
            check_ports(load(tmp_path, {**taken_one, "TLS_CERTIFICATE": "c", "TLS_KEY": "k"}))
