"""What calls need: the PBXes and the routing table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from appliance.checks.verdicts.finding import Finding, ok, skipped


def pbx_configured(names: Sequence[str]) -> Finding:
    if names:
        return ok(", ".join(names))
    return Finding(
        "warn",
        "no PBX: calls come from the configured networks only, and none can be passed on to a PBX",
        "name it as [[peer]] in callisto.toml, or in CALLISTO_PEERS, and start the appliance anew",
    )


def pbx_reachable(peers: Sequence[Mapping[str, object]], *, router: bool) -> Finding:
    """`peers`: as in the status. `router`: whether that service is ready, which knows."""
    if not peers:
        return skipped("no PBX is configured")
    if not router:
        return Finding("fail", "the router is not ready, so nobody knows", "look at the service router first")
    said = ", ".join(f"{each.get('name')} {_reach(each)}" for each in peers)
    bad = [each for each in peers if each.get("state") == "down" or each.get("registered") is False]
    if bad:
        every = all(each.get("state") == "down" for each in peers)
        return Finding(
            "fail" if every or any(each.get("registered") is False for each in bad) else "warn",
            said,
            "check address and transport of the peer, that the PBX knows this machine, and user and password",
        )
    if all(each.get("state") != "up" for each in peers):
        return skipped(f"{said}: nothing has been sent to it yet (ping_s is 0, or it was asked just now)")
    return ok(said)


def _reach(peer: Mapping[str, object]) -> str:
    words = str(peer.get("state"))
    if peer.get("registered") is False:
        words += ", not registered"
    return f"{words} ({peer.get('problem')})" if peer.get("problem") else words


def routing_table(written: datetime | None, used: datetime | None, error: str) -> Finding:
    """`written`: the file as it is; `used`: that of the router, None when it tells nothing; `error`: why the
    store cannot be followed."""
    if written is None:
        return Finding("fail", "there is none: every call is refused", "look at the store; the log says why")
    of = f"of {written:%Y-%m-%d %H:%M}"
    if error:
        return Finding("warn", f"{of}; the store cannot be followed: {error}", "look at the store first")
    if used is None:
        return Finding("fail", f"{of}; the router has none", "look at the service router; its log says why")
    if abs(written - used) > timedelta(seconds=2):
        return Finding(
            "warn", f"{of}; the router still uses that of {used:%Y-%m-%d %H:%M}", "its log says why"
        )
    return ok(f"{of}, and the router uses it")
