"""The port `Trace` by requests and events on the control socket.

A process of the shell has ONE subscription, while anybody in it looks, and shares it among its viewers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.control.client import ControlClient, ControlUnavailableError, watch
from appliance.control.protocol import WATCHED, RefusedError
from appliance.trace.doing import doing
from appliance.trace.hub import Looking
from appliance.trace.lookers import LEASE_S
from appliance.trace.viewers import Viewer, Viewers
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.trace.choice import Choice, encode
from shell.trace.record import TOPIC, Record, from_wire
from shell.trace_data import decode_capture, decode_watcher, encode_actor, encode_limits
from shell.trace_ports import Batch, Capture, Doing, Limits, TraceRefusedError, Watcher

log = logging.getLogger(__name__)

RENEW_EVERY: Final = LEASE_S / 5
AGAIN_AFTER: Final = 0.25
SUBSCRIBE_WITHIN: Final = 3.0
WITHIN: Final = 10.0


class ControlTrace:
    """Fulfils `Trace`. `path`: of the control socket."""

    def __init__(
        self,
        control: ControlClient,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        renew_every: float = RENEW_EVERY,
    ) -> None:
        self._control = control
        self._path = path
        self._now = now
        self._monotonic = monotonic
        self._renew_every = renew_every
        self._numbers = itertools.count(1)
        self._views: dict[str, _View] = {}
        self._viewers = Viewers()
        self._flows = asyncio.Event()
        self._renew_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, choice: Choice, who: Actor, limits: Limits | None = None) -> _View:
        number = f"{os.getpid()}-{next(self._numbers)}"
        view = _View(self, Viewer(choice, self._monotonic), {"view": number, **_asked(choice, who, limits)})
        self._views[view.id] = view
        self._viewers.add(view.viewer)
        try:
            await self._subscribed()
            found = await self._request("trace_look", **view.asked, began=self._now())
            view.looks(_looking(found))
        except BaseException:
            await view.close()
            raise
        return view

    async def capture(self, choice: Choice, who: Actor, limits: Limits | None = None) -> str:
        return str(await self._request("trace_capture", **_asked(choice, who, limits)))

    async def stop(self, name: str, who: Actor | None = None) -> None:
        await self._request("trace_stop", capture=name, user=who.user if who else "")

    async def mark(self, text: str, who: Actor) -> None:
        await self._request("trace_mark", text=text, who=encode_actor(who))

    async def watchers(self) -> Sequence[Watcher]:
        found = map(decode_watcher, _list(await self._request("trace_watchers")))
        return [watcher for watcher in found if watcher]

    async def captures(self) -> Sequence[Capture]:
        found = map(decode_capture, _list(await self._request("trace_captures")))
        return [capture for capture in found if capture]

    async def read(self, name: str) -> AsyncIterator[tuple[Record, ...]]:
        offset, end, rest = 0, 1, ""
        while offset < end:
            found = await self._request("trace_read", capture=name, offset=offset)
            data, size = _chunk(found)
            if not data:
                return
            end = size if offset == 0 else end  # of one that runs: what it has held when it was asked for
            offset += len(data)
            *lines, rest = (rest + data).split("\n")
            if records := tuple(_records(lines)):
                yield records

    async def delete(self, name: str) -> None:
        await self._request("trace_delete", capture=name)

    async def processes(self) -> Sequence[Doing]:
        return doing(await self._request("status"))

    async def close(self) -> None:
        """The end of this process: every view ends."""
        for view in tuple(self._views.values()):
            view.viewer.end("the shell ends")
            await view.close()
        await self._unsubscribe()

    # For the views

    async def left(self, view: _View) -> None:
        await self._let_go(view)
        if not self._views:
            await self._unsubscribe()

    async def _subscribed(self) -> None:
        """Return when records flow."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._follow(), name="trace: follow"),
                asyncio.create_task(self._renew(), name="trace: renew"),
            ]
        try:
            async with asyncio.timeout(SUBSCRIBE_WITHIN):
                await self._flows.wait()
        except TimeoutError:
            raise SystemUnavailableError("nobody answers on the control socket") from None

    async def _unsubscribe(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        self._flows.clear()
        if tasks:
            await asyncio.wait(tasks)
        self._viewers.interrupted()

    async def _follow(self) -> None:
        """The supervisor may go and come again: viewers go on, and are told."""
        while True:
            with contextlib.suppress(ControlUnavailableError):
                async for topic, data in watch(self._path, (TOPIC, WATCHED)):
                    if topic == TOPIC:
                        self._viewers.take(data)
                        if "ended" in data:
                            self._end(data["ended"])
                        await self._viewers.room()
                    elif topic == WATCHED and not self._flows.is_set():
                        self._flows.set()
                        self._renew_now.set()
            if self._flows.is_set():
                self._flows.clear()
                self._say("the supervisor is not there; what happens now is missing here")
            self._viewers.interrupted()
            await asyncio.sleep(AGAIN_AFTER)

    def _say(self, text: str) -> None:
        record = Record(self._now(), "shell", "warning", "mark", text)
        for viewer in self._viewers:
            viewer.put([record])

    def _end(self, ended: object) -> None:
        """Captures and why they ended: the views that they belong to end with them."""
        if isinstance(ended, Mapping):
            for view in tuple(self._views.values()):
                if view.capture in ended:
                    view.viewer.end(f"{view.capture} has ended: {ended[view.capture]}")

    async def _renew(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._renew_every):
                    await self._renew_now.wait()
            self._renew_now.clear()
            for view in tuple(self._views.values()):
                if view.viewer.is_stalled():
                    view.viewer.end("you have taken nothing for a minute")
                if view.viewer.ended:
                    await self._let_go(view)
                elif self._flows.is_set() and view.is_known:
                    await self._renewed(view)

    async def _let_go(self, view: _View) -> None:
        """Its viewer may still fetch what there is. Nobody waits for the supervisor: it knows leases."""
        if self._views.pop(view.id, None) is not None:
            self._viewers.remove(view.viewer)
            with contextlib.suppress(ControlUnavailableError):
                await self._control.send("trace_leave", view=view.id)

    async def _renewed(self, view: _View) -> None:
        try:
            found = _looking(await self._request("trace_renew", **view.asked, missed=view.viewer.missed))
        except (SystemUnavailableError, TraceRefusedError) as exc:
            log.debug("view %s is not renewed: %s", view.id, exc)
            return
        if found.ended:
            view.viewer.end(f"{found.capture} has ended: {found.ended}")
        elif found.capture != view.capture:
            view.looks(found)
            self._say(f"the supervisor is there again; from here on in {found.capture or 'no capture'}")

    async def _request(self, name: str, **args: object) -> Any:
        try:
            return await self._control.request(name, within=WITHIN, **args)
        except RefusedError as exc:
            raise TraceRefusedError(exc.error, exc.hint) from exc
        except ControlUnavailableError as exc:
            raise SystemUnavailableError(str(exc)) from exc


class _View:
    """Fulfils `View`."""

    def __init__(self, trace: ControlTrace, viewer: Viewer, asked: Mapping[str, object]) -> None:
        """`asked`: what the supervisor is asked for, the id of the view among it."""
        self.id = str(asked["view"])
        self.asked = asked
        self.viewer = viewer
        self._trace = trace
        self.capture = ""
        self.problem = ""
        self.is_known = False

    @property
    def missed(self) -> int:
        return self.viewer.missed

    async def next(self) -> Batch:
        return await self.viewer.next()

    async def close(self) -> None:
        await self._trace.left(self)

    def looks(self, found: Looking) -> None:
        self.capture, self.problem, self.is_known = found.capture, found.problem, True
        self.viewer.put_before(found.past)


def _asked(choice: Choice, who: Actor, limits: Limits | None) -> dict[str, object]:
    return {"choice": encode(choice), "who": encode_actor(who), "limits": encode_limits(limits)}


def _looking(found: Any) -> Looking:
    if not isinstance(found, Mapping):
        return Looking("")
    past = tuple(_all_records(_list(found.get("past"))))
    return Looking(
        str(found.get("capture", "")), str(found.get("problem", "")), past, str(found.get("ended", ""))
    )


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _chunk(found: object) -> tuple[str, int]:
    match found:
        case {"data": str() as data, "size": int() as size}:
            return data, size
    return "", 0


def _records(lines: Sequence[str]) -> list[Record]:
    """Those of the lines that are records. What is no line of ours is left out: a file may be damaged."""
    wires = []
    for line in lines:
        if line.startswith("["):
            with contextlib.suppress(ValueError, RecursionError):
                wires.append(json.loads(line))
    return _all_records(wires)


def _all_records(wires: Sequence[object]) -> list[Record]:
    found = []
    for wire in wires:
        with contextlib.suppress(ValueError):
            found.append(from_wire(wire))
    return found
