"""Are the ports free and the certificates good? Asked before anything starts: a refusal names the setting."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from appliance import config_values as values
from appliance.config import Config
from appliance.config_settings import ConfigError

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
_NAMES = {TCP: "TCP", UDP: "UDP"}
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Door:
    """A port that a service will listen on. `key`: its setting."""

    key: str
    port: int
    kind: socket.SocketKind
    address: str = ""
    """Where, if it is not where the appliance listens."""


def doors(config: Config) -> tuple[Door, ...]:
    tls = (Door("sips_port", config.sips_port, TCP),) if config.tls else ()
    shell = (("telnet_port", config.telnet_port), ("telnets_port", config.telnets_port))
    return (
        *(Door(key, port, TCP) for key, port in shell if port),
        Door("sip_port", config.sip_port, UDP),
        Door("sip_port", config.sip_port, TCP),
        *tls,
        Door("media_port", config.media_port, UDP, LOOPBACK),
        Door("web_port", config.web_port, TCP),
        *((Door("web_tls_port", config.web_tls_port, TCP),) if config.web_tls_port else ()),
    )


def check_certificates(config: Config) -> None:
    """Raise ConfigError when a file of tls_certificate, tls_key or tls_ca, or of the certificates and keys of
    telnet_tls and web_tls, cannot be used."""
    _check_pair("tls", config.tls_certificate, config.tls_key)
    _check_pair("telnet_tls", config.telnet_tls_certificate, config.telnet_tls_key)
    _check_pair("web_tls", config.web_tls_certificate, config.web_tls_key)
    if config.tls_ca:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(config.tls_ca)
        except OSError as exc:
            right = "it has to be a PEM file of authorities"
            raise ConfigError(f"tls_ca: {config.tls_ca} cannot be used: {_reason(exc)}; {right}") from exc


def banner(config: Config) -> str:
    """What is shown before the login. Raises ConfigError for a file that cannot be used."""
    if not config.telnet_banner_file:
        return config.telnet_banner
    try:
        with config.telnet_banner_file.open("rb") as file:
            return values.banner(file.read(values.LONGEST_BANNER + 1).decode())
    except (OSError, ValueError) as exc:
        why = _reason(exc) if isinstance(exc, OSError) else "it is too long, or no UTF-8"
        right = f"a UTF-8 text of at most {values.LONGEST_BANNER} bytes"
        raise ConfigError(
            f"telnet_banner_file: {config.telnet_banner_file}: {why}; right is {right}"
        ) from exc


def _check_pair(name: str, certificate: Path | None, key: Path | None) -> None:
    if not certificate or not key:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as exc:
        files = f"{certificate} and {name}_key {key}"
        right = "both have to be PEM files that belong together, the key without a password"
        raise ConfigError(f"{name}_certificate: {files} cannot be used: {_reason(exc)}; {right}") from exc


def check_ports(config: Config, patience: float = 0.0) -> None:
    """Raise ConfigError for the first port that cannot be had within `patience` seconds: the services of a
    supervisor that was killed need a moment to end."""
    end = time.monotonic() + patience
    for door in doors(config):
        while problem := _problem(door.address or config.listen, door):
            if time.monotonic() >= end:
                raise ConfigError(problem)
            time.sleep(0.1)


def _no_password() -> str:
    raise ValueError("the key asks for a password")


def _reason(exc: Exception) -> str:
    return (isinstance(exc, OSError) and exc.strerror) or str(exc) or "it is damaged"


def _problem(listen: str, door: Door) -> str | None:
    with socket.socket(socket.AF_INET, door.kind) as sock:
        if door.kind is TCP:  # an old connection in TIME_WAIT is no hindrance; UDP knows no such thing
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((listen, door.port))
            if door.kind is TCP:
                sock.listen(1)
        except OSError as exc:
            return _words(listen, door, exc)
    return None


def _words(listen: str, door: Door, exc: OSError) -> str:
    variable = f"CALLISTO_{door.key.upper()}"
    other = f"choose another with {door.key} in callisto.toml or {variable}"
    where = f"{door.key}: {door.port}"
    match exc.errno:
        case errno.EADDRINUSE:
            return f"{where} is in use on {listen} ({_NAMES[door.kind]}, by another program); {other}"
        case errno.EACCES:
            return f"{where} is not allowed for this user (ports below 1024 need root); {other}"
        case errno.EADDRNOTAVAIL:
            return (
                f"listen: {listen} is no address of this machine; "
                "set one that is with listen in callisto.toml or CALLISTO_LISTEN"
            )
    return f"{where} cannot be used on {listen}: {exc.strerror}; {other}"
