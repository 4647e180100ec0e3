"""The whole SIP side in memory: real legs, dialogs and transactions, a network without sockets, time by hand.

Far ends are the `Peer` of the tests over UDP, with a socket that is a queue: every message is encoded and
parsed as on the wire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from router.sip.net import NetworkError
from router.sip.signalling import SipSignalling
from tests.fakes.clock import FakeClock
from tests.sip import driver
from tests.sip.peer import Peer

HOST = "127.0.0.1"
PORT = 5060
FIRST_PEER = 20001
STEP = 0.5


class MemoryFlow:
    """Fulfils `router.sip.net.Flow`."""

    def __init__(self, network: MemoryNetwork, transport: str, remote: tuple[str, int]) -> None:
        self.transport = transport
        self.reliable = transport != "UDP"
        self.local = (HOST, PORT)
        self.remote = remote
        self.alive = True
        self._network = network

    def send(self, data: bytes) -> None:
        self._network.out(data, self)


class MemoryNetwork:
    """Fulfils what `SipSignalling` needs of a `Network`. `lose`: which of its messages get lost."""

    def __init__(self, listen: str, port: int, *, received: Any, broken: Any, **_: Any) -> None:
        self.port = PORT
        self.received = received
        self.broken = broken
        self.arrived: deque[tuple[bytes, MemoryFlow]] = deque()
        self.sockets: dict[int, MemorySocket] = {}
        self.flows: dict[tuple[str, str, int], MemoryFlow] = {}
        self.lose: Callable[[bytes], bool] = lambda _data: False
        self.sent: list[tuple[bytes, int]] = []
        self.clock = FakeClock()
        self.waiting = 0
        self._observer: Any = None

    @property
    def woke(self) -> float:
        return self.clock.monotonic()

    def flow(self, transport: str, host: str, port: int, **_: Any) -> MemoryFlow:
        if host.strip("[]").replace(".", "").isalpha():
            raise NetworkError(f"not a literal address: {host!r}")
        key = (transport, host, port)
        found = self.flows.get(key)
        if found is None or not found.alive:
            found = self.flows[key] = MemoryFlow(self, transport, (host, port))
        return found

    def observe(self, observer: Any) -> None:
        self._observer = observer

    def out(self, data: bytes, flow: MemoryFlow) -> None:
        if self._observer is not None:
            self._observer.went(data, flow)
        self.sent.append((data, flow.remote[1]))
        if not flow.alive:
            self.broken(flow, "closed")
            return
        far = self.sockets.get(flow.remote[1])
        if far is not None and not self.lose(data):
            far.came.append(data)

    def pump(self, max_wait_s: float) -> int:
        count = 0
        while self.arrived:
            data, flow = self.arrived.popleft()
            if self._observer is not None:
                self._observer.came(data, flow)
            self.received(data, flow)
            count += 1
        return count

    def close(self) -> None: ...

    def facts(self) -> dict[str, Any]:
        return {}


class MemorySocket:
    """What a `Peer` uses of a UDP socket."""

    def __init__(self, house: House, port: int) -> None:
        self.came: deque[bytes] = deque()
        self._house = house
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        return HOST, self._port

    def settimeout(self, seconds: float) -> None: ...

    def sendto(self, data: bytes, to: tuple[str, int]) -> None:
        network = self._house.network
        network.arrived.append((data, network.flow("UDP", HOST, self._port)))

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.came:
            self._house.turn()
        if not self.came:
            raise TimeoutError
        return self.came.popleft(), (HOST, PORT)


class House:
    """The SIP side with a listener that notes what it is told. Can do what `tests.sip.engine.Engine` can.

    `with_media`: the first `peer` that is asked for is the media server."""

    def __init__(self, legs: int = 100, *, with_media: bool = False) -> None:
        self.clock = FakeClock()
        self.port = PORT
        self.log: list[dict[str, Any]] = []
        self._pending: list[dict[str, Any]] = []
        self.telling = driver.Telling()
        with patch("router.sip.signalling.Network", MemoryNetwork):
            self.signalling: Any = SipSignalling(
                HOST,
                PORT,
                self.clock,
                listener=self.telling,
                most_legs=legs,
                media=(HOST, FIRST_PEER) if with_media else None,
            )
        self.telling.signalling = self.signalling
        self.network: MemoryNetwork = self.signalling._network
        self.network.clock = self.clock
        self.stack: Any = self.signalling._stack
        self._next_port = FIRST_PEER - 1

    def peer(self) -> Peer:
        self._next_port += 1
        socket = self.network.sockets[self._next_port] = MemorySocket(self, self._next_port)
        return Peer(socket)

    # Time and turns

    def turn(self) -> None:
        """Until nothing is left to deliver."""
        with patch("tests.sip.driver.say", self._say):
            while self.signalling.pump(0.0) or self.network.arrived or self.signalling._board.has_news:
                pass

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, with the turns of the loop in between."""
        until = self.clock.monotonic() + seconds
        self.turn()
        while (left := until - self.clock.monotonic()) > 1e-9:
            with patch("tests.sip.driver.say", self._say):
                self.clock.advance(min(STEP, left))
            self.turn()

    # What an Engine can

    def do(self, command: str, **arguments: object) -> None:
        self.turn()
        with patch("tests.sip.driver.say", self._say):
            driver.obey(self.signalling, self.telling, {"do": command, **arguments})
        self.turn()

    def wait(self, event: str, within: float = 0.0, **values: object) -> dict[str, Any]:
        self.turn()
        for index, item in enumerate(self._pending):
            if item.get("event") == event and values.items() <= item.items():
                return self._pending.pop(index)
        raise AssertionError(f"no {event} {values}; all: {self.log}")

    def untold(self) -> list[dict[str, Any]]:
        self.turn()
        return list(self._pending)

    def forget(self) -> None:
        self._pending.clear()

    def until_legs(self, count: int, within: float = 0.0) -> None:
        self.turn()
        assert self.signalling.legs_in_use == count, self.log

    def nothing_is_left(self) -> None:
        """Legs and tags at once; transactions and timers when their lingering is over."""
        self.turn()
        assert self.signalling.legs_in_use == 0, self.signalling._board.legs
        self.pass_time(110)
        board = self.signalling._board
        assert not self.stack.tags, self.stack.tags
        assert self.stack.asking == 0
        assert not board.referrals
        assert not board.handovers
        assert not board.rooms
        assert not board.replaced
        assert not board._unanswered
        assert len(self.stack.transactions) == 0, self.stack.transactions._clients.entries
        assert self.clock.running == 0, self.clock._agenda

    def _say(self, **what: Any) -> None:
        self.log.append(what)
        self._pending.append(what)
