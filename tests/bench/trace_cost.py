"""What the trace costs the router: CPU time of whole calls, bare, while nobody looks, while somebody does.

The routers are real, on UDP of loopback; the far ends run in the same thread, and their time does not count.
"""

from __future__ import annotations

import gc
import logging
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from appliance.control import protocol
from appliance.roles.timers import TimerHeap
from appliance.trace.sip_tap import SipTap, Topics
from router.engine import Engine
from router.model import Group, Person, RoutingTable
from router.sip.signalling import SipSignalling
from router.sip.udp import UdpFlow
from tests.bench.page import Mark, at_most, table
from tests.sip.peer import ANSWER, HOST, Peer, call

ROUNDS = 60
CALLS = 12
"""Whole calls of each router in a round: they take turns, so that what else the machine does hits all."""
CHORES_EVERY = 0.05
MOST_MORE = 2.0
"""Per cent that a call may cost more while nobody looks."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU for a call, of each round."""

    bare: list[float]
    off: list[float]
    on: list[float]

    @property
    def more_off(self) -> float:
        """Per cent: of rounds that stand side by side, the median."""
        return _more(self.off, self.bare)

    @property
    def more_on(self) -> float:
        return _more(self.on, self.bare)


def _more(found: list[float], bare: list[float]) -> float:
    return statistics.median(100 * (one / other - 1) for one, other in zip(found, bare, strict=True))


class _Way:
    """To the supervisor: what is published is made into the line that would be sent, and forgotten."""

    def __init__(self) -> None:
        self.looked_at = False
        self.sent = 0

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        if self.looked_at:
            self.sent += len(protocol.encode({"request": "publish", "args": {"topic": topic, "data": data}}))

    def is_watched(self, topic: str) -> bool:
        return self.looked_at

    def is_looked_at(self, topic: str) -> bool:
        return self.looked_at


class _Records:
    def append(self, record: dict[str, object]) -> None: ...


class _Line:
    """A far end's socket: while nothing has come, the router turns."""

    def __init__(self, turn: Callable[[], None]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self._turn = turn
        self.getsockname, self.sendto, self.close = (
            self._socket.getsockname,
            self._socket.sendto,
            self._socket.close,
        )

    def settimeout(self, seconds: float) -> None: ...

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        for _ in range(2000):
            try:
                found: tuple[bytes, tuple[str, int]] = self._socket.recvfrom(size)
            except BlockingIOError:
                self._turn()
            else:
                return found
        raise TimeoutError


class Router:
    """`spent`: seconds of CPU since the start. A bare one is as if there were no trace at all."""

    def __init__(self, running: ExitStack, *, bare: bool) -> None:
        self.spent = 0.0
        self.way = _Way()
        self._bare = bare
        self._clock = TimerHeap()
        self._signalling = SipSignalling(HOST, 0, self._clock)
        running.callback(self._signalling.close)
        self._caller, self._phone = (self._far_end(running) for _ in range(2))
        manager = Person("m", "Mia", f"sip:m@{HOST}:{self._phone.port}", number="20")
        boss = {"300": Group(name="Desk", manager_number="300", manager=manager)}
        topics = Topics(self.way)
        notifier: Any = self.way if bare else topics
        engine = Engine(self._signalling, self._clock, _Records(), notifier, RoutingTable(groups=boss))
        self._signalling.peering.use((), ["any"])
        self._signalling.attach(engine)
        self._tap = SipTap(self._signalling, engine, topics, self.way)
        self._next = 0.0

    def look(self, *, looked_at: bool) -> None:
        self.way.looked_at = looked_at
        self._tap.turn(time.monotonic())

    def calls(self, count: int) -> float:
        """Microseconds of CPU for each."""
        before = self.spent
        with ExitStack() as stack:
            if self._bare:
                stack.enter_context(patch.object(UdpFlow, "send", self._bare_send()))
            for _ in range(count):
                self._one()
        return 1e6 * (self.spent - before) / count

    def _one(self) -> None:
        caller, phone = self._caller, self._phone
        side = call(caller, self._signalling.port, "300")
        invite = phone.receive("INVITE")
        phone.respond(invite, 180)
        caller.receive(180)
        phone.respond(invite, 200, ANSWER)
        phone.receive("ACK")
        side.answered(caller.receive(200))
        side.request("BYE")
        caller.receive(200)
        phone.respond(phone.receive("BYE"), 200)
        for _ in range(3):
            self._turn()
        caller.seen.clear()
        phone.seen.clear()

    def _turn(self) -> None:
        """As appliance.roles.router turns."""
        began = time.thread_time()
        self._signalling.pump(0.0) if self._bare else self._tap.pump(0.0)
        self._clock.turn()
        now = time.monotonic()
        if now >= self._next:
            self._next = now + CHORES_EVERY
            if not self._bare:
                self._tap.turn(now)
        self.spent += time.thread_time() - began

    def _far_end(self, running: ExitStack) -> Peer:
        line: Any = _Line(self._turn)
        running.callback(line.close)
        return Peer(line)

    def _bare_send(self) -> Callable[[UdpFlow, bytes], None]:
        (door,) = self._signalling._network._udp.values()
        sendto = door._socket.sendto

        def send(flow: UdpFlow, data: bytes) -> None:
            flow.last = data
            try:
                sendto(data, flow._address)
            except OSError:
                door.send_again(flow, data, flow._address)

        return send


def measure(rounds: int = ROUNDS, calls: int = CALLS) -> Cost:
    """Restores what it changes of the process: the collector, the level of the log."""
    cost = Cost([], [], [])
    level = logging.getLogger().level
    with ExitStack() as running:
        bare, off, on = (Router(running, bare=kind == "bare") for kind in ("bare", "off", "on"))
        running.callback(logging.getLogger().setLevel, level)
        running.callback(gc.enable)
        running.callback(on.look, looked_at=False)
        logging.getLogger().setLevel(logging.WARNING)
        off.look(looked_at=True)
        off.look(looked_at=False)
        on.look(looked_at=True)
        for router in (bare, off, on):
            router.calls(calls)
        gc.collect()
        gc.disable()
        for number in range(rounds):
            order = [(bare, cost.bare), (off, cost.off), (on, cost.on)]
            for router, found in order[number % 3 :] + order[: number % 3]:
                found.append(router.calls(calls))
        assert on.way.sent
        assert not off.way.sent
    return cost


def marks(cost: Cost) -> tuple[Mark, ...]:
    return (at_most("a call costs the router more while nobody looks", cost.more_off, MOST_MORE, "%"),)


def words(cost: Cost) -> str:
    rows = [
        ("without a trace", f"{statistics.median(cost.bare):.0f} µs", ""),
        ("nobody looks", f"{statistics.median(cost.off):.0f} µs", f"{cost.more_off:+.1f} %"),
        ("somebody looks at everything", f"{statistics.median(cost.on):.0f} µs", f"{cost.more_on:+.0f} %"),
    ]
    return (
        f"What the router spends on a call of one phone, INVITE to BYE; medians of {len(cost.bare)} rounds"
        " in which the three take turns.\n\n" + table(("", "CPU of a call", "more"), rows)
    )
