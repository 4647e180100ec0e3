"""The self test on the control socket: the supervisor's handlers, and the port `SelfTest` by requests.

self_test          {}                       -> {"run": 3}: a new run, or the one that is under way
self_test_results  {"run": 3, "after": 5}   -> {"results": […], "done": false}: waits a little until there are
                                               more than five
self_test_last     {}                       -> {"at": iso | null, "results": […], "done": …}
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from appliance.checks.runner import Runner
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import Handler, Peer
from shell.checks_data import decode_all, encode
from shell.checks_ports import CheckResult
from shell.ports import SystemUnavailableError
from shell.reading import number

WITHIN = 5.0
WAIT = 2.0
"""Seconds that a question for more is kept waiting."""


class ControlSelfTest:
    """Fulfils `SelfTest`; the supervisor carries it out."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    async def run(self) -> AsyncIterator[CheckResult]:
        begun = number(await self._request("self_test"), "run")
        told = 0
        while True:
            found = await self._request("self_test_results", run=int(begun or 0), after=told)
            results = decode_all(found.get("results"))
            for result in results:
                yield result
            told += len(results)
            if found.get("done") is not False:
                return

    async def _request(self, name: str, **args: object) -> dict[str, Any]:
        try:
            found = await self._control.request(name, within=WITHIN, **args)
        except (ControlUnavailableError, RefusedError) as exc:
            raise SystemUnavailableError(str(exc)) from exc
        return found if isinstance(found, dict) else {}


def handlers(runner: Runner) -> dict[str, Handler]:
    """What the supervisor answers, by request."""

    def begin(_: Request, __: Peer) -> object:
        return {"run": runner.begin().number}

    async def results(request: Request, _: Peer) -> object:
        run, after = runner.last, number(request.args, "after") or 0
        if run is None or run.number != number(request.args, "run"):
            raise RefusedError("there is no such self test any more", "begin another one")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT):
                await run.more_than(int(after))
        told = run.results[max(0, int(after)) :]
        return {"results": [encode(each) for each in told], "done": run.done}

    def last(_: Request, __: Peer) -> object:
        run = runner.last
        if run is None:
            return {"at": None, "results": [], "done": True}
        results = [encode(each) for each in run.results]
        return {"at": run.began.isoformat(), "results": results, "done": run.done}

    return {"self_test": begin, "self_test_results": results, "self_test_last": last}
