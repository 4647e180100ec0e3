"""Repair of the store on the control socket: the supervisor's handlers, and the port `Repair` by requests.

repair_check     {}                         -> a diagnosis
repair_start     {"who": …, "force": false} -> {"job": …}; refused while one runs, with who began it
repair_state     {"step": "BUILD"}          -> {"job": … | null}: waits a little for another step than that
repair_reports   {}                         -> {"reports": […]}, newest first, long lists of rows cut
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from db.repair import report
from db.repair.found import Diagnosis, of_json
from db.repair.job import Job
from db.repair.steps import Step, ended, percent
from shell.ports import SystemUnavailableError
from shell.reading import number, tables, text
from shell.repair_ports import RepairRefusedError, RepairState, Report

if TYPE_CHECKING:
    # The shell has this module too: it needs nothing of what repairs a store.
    from appliance.maintenance import Maintenance

WITHIN = 5.0
CHECK_WITHIN = 600.0
WAIT = 2.0
REPORTS = 5
ROWS = 40
"""Of each list in a report: a line on the socket holds a mebibyte."""


class ControlRepair:
    """Fulfils `Repair`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def check(self) -> Diagnosis:
        try:
            return of_json(await self._request("repair_check", CHECK_WITHIN))
        except ValueError as exc:
            raise SystemUnavailableError(str(exc)) from exc

    async def start(self, who: str, *, force: bool = False) -> RepairState:
        found = await self._request("repair_start", WITHIN, who=who, force=force)
        return _decode(found["job"])

    async def state(self) -> RepairState | None:
        found = (await self._request("repair_state", WITHIN)).get("job")
        return _decode(found) if isinstance(found, Mapping) else None

    async def follow(self) -> AsyncGenerator[RepairState, None]:
        step = ""
        while True:
            found = (await self._request("repair_state", WITHIN, step=step)).get("job")
            if not isinstance(found, Mapping):
                return
            state, now = _decode(found), text(found, "step_name")
            if now != step:
                step = now
                yield state
            if state.done:
                return

    async def reports(self) -> Sequence[Report]:
        return list(tables(await self._request("repair_reports", WITHIN), "reports"))

    async def _request(self, name: str, within: float, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=within, **args)
        except RefusedError as exc:
            raise RepairRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(maintenance: Maintenance) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    async def check(_: Request, __: Peer) -> object:
        return (await maintenance.check()).as_json()

    def start(request: Request, _: Peer) -> object:
        try:
            job = maintenance.begin(request.text("who"), force=request.args.get("force") is True)
        except OSError as exc:
            raise RefusedError(f"the repair cannot be begun: {exc}", "make room on the disk") from exc
        return {"job": encode(job, done=False)}

    async def state(request: Request, _: Peer) -> object:
        step = next((each for each in Step if each.name == request.args.get("step")), None)
        if maintenance.runs:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await maintenance.after(step)
        job = maintenance.job
        return {"job": encode(job, done=not maintenance.runs) if job else None}

    async def reports(_: Request, __: Peer) -> object:
        return {"reports": [report.short(each, ROWS) for each in (await maintenance.reports())[:REPORTS]]}

    return {
        "repair_check": check,
        "repair_start": start,
        "repair_state": state,
        "repair_reports": reports,
    }


def encode(job: Job, *, done: bool) -> dict[str, object]:
    return {
        "who": job.who,
        "began": job.began,
        "step": job.step.value,
        "step_name": job.step.name,
        "percent": percent(job.step),
        "done": done and ended(job.step),
        "result": job.result if ended(job.step) else "",
        "hint": job.hint,
        "failed": job.failed,
        "report": job.stamp,
    }


def _decode(found: Mapping[str, Any]) -> RepairState:
    return RepairState(
        text(found, "who"), text(found, "began"), text(found, "step"), int(number(found, "percent") or 0),
        found.get("done") is not False, text(found, "result"), text(found, "hint"),
        found.get("failed") is True, text(found, "report"),
    )  # fmt: skip
