"""`callisto status`: what the supervisor says, for people or as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError
from shell.layout import duration
from shell.peers import PeerState, peers

DONE, REFUSED, NOTHING_RUNS = 0, 1, 3
WITHIN = 5.0


def show(config: Config, *, as_json: bool) -> int:
    """0: it runs, whatever state its services are in; 3: nothing runs on this state directory."""
    try:
        status = asyncio.run(_ask(config))
    except ControlUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    except RefusedError as exc:
        complain(exc.error, exc.hint)
        return REFUSED
    print(json.dumps(status, ensure_ascii=False, indent=2) if as_json else "\n".join(lines(status)))
    return DONE


async def _ask(config: Config) -> Mapping[str, Any]:
    async with ControlClient(config.control_socket) as control:
        status: Mapping[str, Any] = await control.request("status", within=WITHIN)
        return status


def lines(status: Mapping[str, Any]) -> Iterator[str]:
    """The status in plain text."""
    store, host = status["store"], status["host"]
    yield f"Callisto {status['version']}, edition {status['edition']}, since {_moment(status['started'])}"
    yield ""
    yield f"{'Service':<10}{'State':<13}{'Pid':>8}  {'Up':<12}{'Restarts':>8}  Last exit"
    for one in status["services"]:
        up = duration(one["uptime_s"]) if one["uptime_s"] is not None else "-"
        row = f"{one['name']:<10}{one['state']:<13}{one['pid'] or '-':>8}  {up:<12}{one['restarts']:>8}"
        yield f"{row}  {one['last_exit'] or '-'}"
    yield ""
    yield from _router(status)
    yield from _media(status)
    for peer in peers(status):
        yield f"Peer     {_peer(peer)}"
    for job in status["jobs"]:
        last = f"; last {_moment(job['last_run'])}: {job['last_result']}" if job["last_run"] else ""
        yield f"Plan     {job['name']} ({job['variable']}): {_moment(job['next_run']) or 'never'}{last}"
    yield f"Store    {store['url_shown']}, revision {store['revision']}, schema {store['schema']}"
    if store.get("error"):
        yield f"         {store['error']}"
        if of := _facts(status, "router").get("table_of"):
            yield f"         calls are routed by the table of {_moment(of)}"
    yield f"Spool    {status['spool']['pending']} call records to be stored"
    free = (
        f"{host.get('disk_free_mb', '?')} MB of disk and {host.get('memory_free_mb', '?')} MB of memory free"
    )
    yield f"Host     {host.get('hostname', '?')}, {free}"


def _router(status: Mapping[str, Any]) -> Iterator[str]:
    facts = _facts(status, "router")
    if facts:
        yield (
            f"Calls    {facts['calls_now']} now, {facts['calls_total']} in all, at most {facts['peak']} at"
            f" once, {facts['refused_busy']} refused for want of legs"
        )
        yield f"Legs     {facts['legs_in_use']} of {facts['capacity']} in use"
        if facts.get("fail_safe"):
            yield f"Rules    unusable for {facts['fail_safe']} calls, which rang the manager: see the log"


def _media(status: Mapping[str, Any]) -> Iterator[str]:
    facts = _facts(status, "media")
    if facts:
        legs = f"{facts['legs_in_use']} of {facts['capacity']} legs in use"
        yield f"Media    {facts['engine']}, {facts['build']}, {legs}"


def _facts(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Empty for a service that is not ready."""
    found: Mapping[str, Any] = next((one["facts"] for one in status["services"] if one["name"] == name), {})
    return found


def _peer(peer: PeerState) -> str:
    since = f" since {_moment(peer.since.isoformat())}" if peer.since else ""
    others = "".join(f", {part}" for part in (peer.registration, peer.problem) if part)
    return f"{peer.name} at {peer.address}: {peer.state}{since}{others}"


def _moment(iso: str | None) -> str:
    return f"{datetime.fromisoformat(iso).astimezone():%a %Y-%m-%d %H:%M}" if iso else ""
