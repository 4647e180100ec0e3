"""What can be set when the appliance starts: each setting with its default, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appliance import config_values as values

PREFIX = "CALLISTO_"
LOOPBACK = ("127.0.0.0/8",)
PRIVATE = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
"""RFC 1918 and RFC 3927: the networks of offices."""


class ConfigError(Exception):
    """The configuration is refused; the text is one line for people, whatever was in the input."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else " " for char in text))


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. `parse` takes text or a TOML value; a ValueError from it means refused."""

    key: str
    parse: Callable[[object], Any]
    default: Any
    expected: str

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper()

    @property
    def is_path(self) -> bool:
        return self.parse in (values.path, values.path_or_none)


_PORT = "a whole number from 1 to 65535"
_PEM = "a PEM file"
_DAYS = "a whole number of days to 36500; 0 for ever"
_PORT_OR_OFF = f'{_PORT}, or "off"'
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "listen",
        values.listen,
        "127.0.0.1",
        'an IPv4 address of this machine, such as "127.0.0.1" or "0.0.0.0"',
    ),
    Setting("telnet_port", values.port_or_off, 2323, _PORT_OR_OFF),
    Setting("telnets_port", values.port_or_off, 9923, f"{_PORT_OR_OFF} (Telnet over TLS)"),
    Setting("telnet_networks", values.networks, None, 'networks such as "10.1.0.0/16", or "any"'),
    Setting("telnet_tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("telnet_tls_key", values.path_or_none, "", f"{_PEM} with the key of telnet_tls_certificate"),
    Setting(
        "telnet_idle_minutes", values.whole(0, 1440), 15, "a whole number of minutes to 1440; 0 for never"
    ),
    Setting("telnet_banner", values.banner, "", f"a text of at most {values.LONGEST_BANNER} bytes"),
    Setting("telnet_banner_file", values.path_or_none, "", "a UTF-8 text file, instead of telnet_banner"),
    Setting("sip_port", values.port, 5060, f"{_PORT} (UDP and TCP)"),
    Setting("sips_port", values.port, 5061, f"{_PORT} (TLS)"),
    Setting("media_port", values.port, 5064, f"{_PORT} (UDP, on 127.0.0.1 only)"),
    Setting(
        "rtp_ports",
        values.ports,
        range(16384, 18384),
        f"two ports from 1024 with a hyphen, the first one even, for at least {values.FEWEST_PORTS} ports, "
        'such as "16384-18383"',
    ),
    Setting("web_port", values.port, 8080, _PORT),
    Setting("web_tls_port", values.port_or_off, 0, f"{_PORT_OR_OFF} (HTTPS)"),
    Setting("web_tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("web_tls_key", values.path_or_none, "", f"{_PEM} with the key of web_tls_certificate"),
    Setting("state", values.path, "var", "a directory whose parent exists"),
    Setting(
        "store_url",
        values.store_url,
        "",
        "sqlite:////path/to/file.db or postgresql://user:password@host/database",
    ),
    Setting("journal_dir", values.path_or_none, "", "a directory, on another disk than the store at best"),
    Setting("edition", values.one_of(*values.EDITIONS), "ucm", f"one of {', '.join(values.EDITIONS)}"),
    Setting("networks", values.networks, None, 'networks such as "10.1.0.0/16", or "any"'),
    Setting("tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("tls_key", values.path_or_none, "", f"{_PEM} with the key of tls_certificate"),
    Setting("tls_ca", values.path_or_none, "", f"{_PEM} with the authorities that peers are checked by"),
    Setting("memory_limit_mb", values.whole(0, 1 << 20), 512, "a whole number of MB; 0 for no limit"),
    Setting("keep_calls_days", values.whole(0, 36500), 1095, _DAYS),
    Setting("keep_audit_days", values.whole(0, 36500), 1095, _DAYS),
    Setting("keep_jobs_days", values.whole(0, 36500), 365, _DAYS),
    Setting("keep_backups", values.whole(1, 1000), 3, "a whole number of backups to 1000, at least 1"),
    Setting("clock", values.one_of("bare", "timedated"), "bare", "bare or timedated"),
    Setting("services", values.one_of("children", "systemd"), "children", "children or systemd"),
)


def text(value: object) -> str:
    """As `Setting.parse` takes it back."""
    match value:
        case None:
            return ""
        case tuple():
            return ",".join(value)
        case range():
            return f"{value.start}-{value.stop - 1}"
    return str(value)
