"""What `callisto run` says when everything is up: where to telnet, call and browse."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from appliance.config import Config
from appliance.console import web_address
from appliance.lifecycle import State
from appliance.services.ports import UnitState
from router.model import RoutingTable

SHOWN_GROUPS = 3


def lines(
    config: Config,
    version: str,
    *,
    states: Sequence[UnitState],
    media_facts: Mapping[str, object],
    shell_facts: Mapping[str, object],
    web_facts: Mapping[str, object],
    table: RoutingTable | None,
    user: str,
    password: str | None,
) -> list[str]:
    """`password`: a new one that nobody has seen yet; `media_facts`, `shell_facts`, `web_facts`: as those
    services tell them."""
    host = platform.node() if config.listen == "0.0.0.0" else config.listen
    said = ["", _headline(version, states), *_telnet(config, host, shell_facts)]
    said += [f"  Calls    {call}" for call in _calls(config, host, table)]
    said.append(f"  Browser  {web_address(host, config.web_port, config.web_tls_port)}")
    if config.web_tls_port:
        said += _fingerprint(web_facts)
    if password:
        said.append(f"  Log in   {user}, password {password}   (shown only this once)")
    said += _engine(media_facts)
    return [*said, "Ctrl-C stops everything.", ""]


def _headline(version: str, states: Sequence[UnitState]) -> str:
    missing = [state for state in states if state.state is not State.READY]
    if not missing:
        return f"Callisto {version} is ready."
    what = "; ".join(
        f"{one.unit} is {one.state.value}: {one.last_exit or 'no reason known'}" for one in missing
    )
    return f"Callisto {version} runs, but not everything is ready: {what}."


def _telnet(config: Config, host: str, facts: Mapping[str, object]) -> list[str]:
    said = [f"  Telnet   telnet {host} {config.telnet_port}"] if config.telnet_port else []
    if config.telnets_port:
        said.append(f"  Telnet   telnet-ssl -z ssl {host} {config.telnets_port}   (TLS)")
        said += _fingerprint(facts)
    return said


def _fingerprint(facts: Mapping[str, object]) -> list[str]:
    """Of a certificate that no authority has signed, so that it can be compared."""
    found = str(facts.get("tls_fingerprint") or "")
    return [f"           SHA-256 {found.replace(':', '').lower()}"] if found else []


def _calls(config: Config, host: str, table: RoutingTable | None) -> list[str]:
    groups = list(table.groups.items())[:SHOWN_GROUPS] if table else []
    if not groups:
        return [f"{host}:{config.sip_port} (SIP, UDP and TCP); no group has a number yet"]
    return [f"sip:{number}@{host}:{config.sip_port}   {group.name}" for number, group in groups]


def _engine(facts: Mapping[str, object]) -> list[str]:
    if facts.get("build") != "stock wheel":
        return []
    legs = facts.get("capacity")
    return [
        f"  Note     the media server has the stock engine, for {legs} call legs: announcements and",
        "           conversions for two calls at a time; plain calls need none. `make engine` builds one for",
        "           2048.",
    ]
