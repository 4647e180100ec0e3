"""What settings must not be together, and what is told of those that may be, but that nobody wants."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from appliance import config_values as values
from appliance.config_settings import ConfigError

if TYPE_CHECKING:
    from appliance.config import Config


def refuse(found: Mapping[str, Any]) -> None:
    """Settings that cannot be together, by key. Raises ConfigError for the first."""
    _refuse_shared_ports(found)
    _refuse_closed_shell(found)
    _refuse_half_tls(found)


def warnings(config: Config) -> tuple[str, ...]:
    """A line for each thing that works and is dangerous, or of no use."""
    return (*_deaf(config), *_open(config))


def _refuse_shared_ports(found: Mapping[str, Any]) -> None:
    seen: dict[int, str] = {}
    tls = ("sips_port",) if found["tls_certificate"] else ()
    keys = ("telnet_port", "telnets_port", "sip_port", *tls, "media_port", "web_port", "web_tls_port")
    for key in keys:
        if not found[key]:
            continue
        other = seen.setdefault(found[key], key)
        if other != key:
            raise ConfigError(f"{key}: {found[key]} is the {other} too; give each service a port of its own")


def _refuse_closed_shell(found: Mapping[str, Any]) -> None:
    if not found["telnet_port"] and not found["telnets_port"]:
        raise ConfigError("telnet_port: it is off, and telnets_port is too; one of them has to be open")
    if not found["telnet_networks"]:
        raise ConfigError('telnet_networks: nobody could log in; name networks such as "10.1.0.0/16"')
    if found["telnet_banner"] and found["telnet_banner_file"]:
        raise ConfigError("telnet_banner_file: telnet_banner is set too; set one of them")


def _refuse_half_tls(found: Mapping[str, Any]) -> None:
    pairs = (
        ("tls_certificate", "tls_key"),
        ("telnet_tls_certificate", "telnet_tls_key"),
        ("web_tls_certificate", "web_tls_key"),
    )
    for key, other in (*pairs, *((key, certificate) for certificate, key in pairs)):
        if found[key] and not found[other]:
            raise ConfigError(f"{other}: it is missing, but {key} is set; set both, or none for no TLS")


def _deaf(config: Config) -> tuple[str, ...]:
    if config.peers or config.networks:
        return ()
    return ("networks: calls are taken from nobody; name networks, or peers",)


def _open(config: Config) -> tuple[str, ...]:
    """Passwords would go in the clear through networks that are not ours."""
    if values.ANY not in config.telnet_networks or not config.telnet_port:
        return ()
    if ip_address(config.listen).is_loopback:
        return ()
    right = 'name networks, or set telnet_port = "off" and use Telnet over TLS'
    return (f"telnet_networks: anybody may connect to the plain Telnet port, unencrypted; {right}",)
