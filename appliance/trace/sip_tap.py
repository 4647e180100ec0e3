"""What the router contributes to a trace: every SIP message, and the steps of the calls.

While nobody looks nothing of this is in the way: the functions that messages and steps pass through are
swapped when somebody begins to look, and swapped back.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.trace.loop_source import LoopSource, Reporter
from router.live import LiveCall
from router.ports import LegId
from router.sip.flows import Flow, Observer
from shell.trace.glance import summary
from shell.trace.record import Record, Sip, Way
from shell.trace.redact import redact, redact_text

log = logging.getLogger(__name__)

REMEMBERED: Final = 20_000
"""SIP calls whose call is remembered for what comes after their end."""
MOST_A_TURN: Final = 1000
OLD_A_TURN: Final = 500
HEAD: Final = 8192
"""Bytes of a message in which its Call-ID and tags are looked for."""
_CALL_ID: Final = re.compile(rb"[\r\n](?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.I)
_TAG: Final = re.compile(rb"[\r\n](?:from|to|f|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;,>]+)", re.I)

Numbers = tuple[str, ...]
Seen = tuple[float, Way, bytes, Flow]


class Signalling(Protocol):
    """The router's SIP side, as far as a trace looks at it."""

    def pump(self, max_wait_s: float) -> int: ...

    def observe(self, observer: Observer | None) -> None: ...

    def dialogs(self) -> list[tuple[str, LegId]]: ...

    def leg_of(self, tags: Iterable[str]) -> LegId | None: ...


class Calls(Protocol):
    """The engine."""

    def call_of(self, leg: LegId) -> LiveCall | None: ...


def _everything(_: str) -> bool:
    """The steps of a call belong to the trace, even where nobody else asks for them."""
    return True


class Topics:
    """router.ports.Notifier: what the engine publishes; both functions may be swapped."""

    def __init__(self, reporter: Reporter) -> None:
        self.is_watched: Callable[[str], bool] = reporter.is_watched
        self.publish: Callable[[str, dict[str, Any]], None] = reporter.publish


class SipTap:
    """Let the loop call `pump` instead of the signalling's, and `turn` when it has time. An `Observer`."""

    def __init__(self, signalling: Signalling, calls: Calls, topics: Topics, reporter: Reporter) -> None:
        self._bare_pump = signalling.pump
        self.pump: Callable[[float], int] = self._bare_pump
        self._signalling = signalling
        self._calls = calls
        self._topics = topics
        self._publish, self._is_watched = topics.publish, topics.is_watched
        self._source = LoopSource("router", reporter, began=self._begin, ended=self._end)
        self.turn = self._source.turn
        self._fresh: list[Seen | Record] = []
        """Of this turn: messages, and the steps they have caused, in their order."""
        self._old: list[tuple[str, LegId]] = []
        """Of the calls that were up before anybody looked: their ids are looked up a few a turn."""
        self._known: dict[str, tuple[str, Numbers]] = {}
        """By SIP Call-ID: the call's id, and its numbers."""

    def close(self) -> None:
        """Tell what the end of the calls has brought."""
        self._take_fresh()
        self._source.close()

    # Observer

    def came(self, data: bytes, flow: Flow) -> None:
        self._see("in", data, flow)

    def went(self, data: bytes, flow: Flow) -> None:
        self._see("out", data, flow)

    def _see(self, way: Way, data: bytes, flow: Flow) -> None:
        if len(self._fresh) < MOST_A_TURN:
            self._fresh.append((self._source.now(), way, data, flow))
        else:
            self._source.leave_out()

    # On and off

    def _begin(self) -> None:
        self._signalling.observe(self)
        self._old = self._signalling.dialogs()
        self._topics.publish = self._published
        self._topics.is_watched = _everything
        self.pump = self._pump

    def _end(self) -> None:
        self._signalling.observe(None)
        self._topics.publish = self._publish
        self._topics.is_watched = self._is_watched
        self.pump = self._bare_pump
        self._fresh.clear()
        self._old.clear()
        self._known.clear()

    # While it is on

    def _pump(self, max_wait_s: float) -> int:
        for _ in range(min(OLD_A_TURN, len(self._old))):
            self._look_up(*self._old.pop())
        count = self._bare_pump(max_wait_s)
        if self._fresh:
            self._take_fresh()
        return count

    def _take_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        try:
            self._file(fresh)
        except Exception:  # an error of ours over what somebody looks at: the calls go on
            log.exception("%d messages are not in the trace", len(fresh))

    def _file(self, fresh: list[Seen | Record]) -> None:
        """At the end of a turn all that it has brought belongs to a call, if to any: the first INVITE too."""
        ids = ["" if isinstance(seen, Record) else self._call_id(seen[2]) for seen in fresh]
        for seen, call_id in zip(fresh, ids, strict=True):
            if isinstance(seen, Record):
                self._source.put(seen)
                continue
            call, numbers = self._known.get(call_id, _OF_NONE)
            make = _Message(self._source.process, seen, call_id, call, numbers)
            self._source.put(make, len(seen[2]))

    def _call_id(self, data: bytes) -> str:
        """Of a message, with its call looked up."""
        head = data[:HEAD]
        found = _CALL_ID.search(head)
        if found is None:
            return ""
        call_id = found[1].decode(errors="replace").strip()
        tags = [tag.decode(errors="replace") for tag in _TAG.findall(head)]
        leg = self._signalling.leg_of(tags) if tags else None
        if leg is not None:
            self._look_up(call_id, leg)
        return call_id

    def _look_up(self, call_id: str, leg: LegId) -> None:
        live = self._calls.call_of(leg)
        if live is not None:
            call = live.flow.call
            self._remember(call_id, live.id, (call.shown_number, call.dialled))

    def _published(self, topic: str, data: dict[str, Any]) -> None:
        """In place of the reporter's: a call's first step comes in the turn of its INVITE."""
        self._publish(topic, data)
        if topic == "call":
            call, at = data["id"], self._source.now()
            numbers = data["caller"], data["dialled"]
            self._remember(data["sip_call_id"], call, numbers)
            text = redact_text(_SAID.get(data["event"], "{}").format(data["text"]))
            self._fresh.append(Record(at, self._source.process, "info", "call", text, call, numbers))

    def _remember(self, call_id: str, call: str, numbers: Numbers) -> None:
        if call_id not in self._known and len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[call_id] = call, numbers


_OF_NONE: Final[tuple[str, Numbers]] = ("", ())
_SAID: Final[Mapping[str, str]] = {"answered": "answered by {}", "ended": "the call is over: {}"}


@dataclass(frozen=True, slots=True)
class _Message:
    """Makes its record when there is time."""

    process: str
    seen: Seen
    call_id: str
    call: str
    numbers: Numbers

    def __call__(self) -> Record:
        at, way, data, flow = self.seen
        raw = redact(data.decode("utf-8", "surrogateescape"))
        local, remote = _shown(flow.local), _shown(flow.remote)
        sip = Sip(way, local, remote, flow.transport.lower(), self.call_id, raw)
        return Record(at, self.process, "info", "sip", summary(raw), self.call, self.numbers, sip)


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
