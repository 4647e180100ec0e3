"""A call drawn as a ladder: who sent what to whom, and when. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from shell.layout import cut
from shell.safe import safe
from shell.term import width as columns_of
from shell.trace.glance import Glance, glance
from shell.trace.parties import OURS, Parties, Party
from shell.trace.record import Record, Sip

AGAIN = "(again)"
NARROWEST_LANE = 14
OFFSET, GAP = 8, 7
"""Columns of the time since the start, and of that since the message before."""
_NARROW = 60
"""Below this many columns there is no room for the gaps."""
_TOLD = frozenset({"call", "mark"})
_LONGEST = 2000


def ladder(records: Iterable[Record], width: int, *, zone: tzinfo = UTC) -> list[str]:
    """The SIP messages of `records`, each on one line, between the steps of the call, marks and warnings, for
    a terminal of `width` columns; safe. Whoever has no column of his own is in the last, and named."""
    chosen = sorted((each for each in records if _is_shown(each)), key=lambda each: each.at)
    if not chosen:
        return [cut("There is nothing to draw: no SIP message and no step of a call.", width)]
    messages = [(each.sip, glance(each.sip.raw)) for each in chosen if each.sip is not None]
    drawing = _Drawing(Parties(messages), width)
    lines = [cut(text, width) for text in (_title(chosen, len(messages), zone, width), *drawing.heading())]
    began = before = chosen[0].at
    heard: set[tuple[str, str, str]] = set()
    index = 0
    for record in chosen:
        time = drawing.time(record.at - began, record.at - before)
        before = record.at
        if record.sip is None:
            lines += drawing.note(time, record)
            continue
        sip, seen = messages[index]
        key = sip.way, sip.remote, sip.raw
        lines.append(drawing.arrow(time, index, sip, seen, again=key in heard))
        heard.add(key)
        index += 1
    return [text.replace("\t", " ") for text in lines]


def _is_shown(record: Record) -> bool:
    return record.sip is not None or record.group in _TOLD or record.level in {"warning", "error"}


def _title(records: Sequence[Record], messages: int, zone: tzinfo, width: int) -> str:
    calls = list(dict.fromkeys(each.call for each in records if each.call))
    what = f"Call {calls[0]}" if len(calls) == 1 else f"{len(calls)} calls" if calls else "No call"
    start, took = records[0].at, records[-1].at - records[0].at
    counted = "1 message" if messages == 1 else f"{messages} messages"
    moment = datetime.fromtimestamp(start, zone)
    forms = (f"{what}, {moment:%Y-%m-%d %H:%M:%S}", f"{what}, {moment:%H:%M:%S}")
    return _Label(tuple(f"{form}, {counted} in {took:.3f} s" for form in forms)).within(width)


@dataclass(frozen=True, slots=True)
class _Label:
    """The same words, ever shorter."""

    forms: tuple[str, ...]

    def within(self, room: int) -> str:
        for form in self.forms:
            if columns_of(form) <= room:
                return form
        return cut(self.forms[-1], room)


class _Drawing:
    def __init__(self, parties: Parties, width: int) -> None:
        self._parties = parties
        self._width = width
        self._gaps = width >= _NARROW
        self._left = OFFSET + (GAP if self._gaps else 0) + 1
        room = max(0, width - self._left)
        order = parties.in_order()
        most = max(2, room // NARROWEST_LANE)
        own = order if len(order) + 1 <= most else order[: most - 2]
        self._folded = len(order) - len(own)
        self._lane: dict[Party, int] = {}
        for index, party in enumerate(own):
            # We stand to the right of the first, who is the caller.
            self._lane[party] = index if index == 0 else index + 1
        self._ours = min(1, len(own))
        count = len(own) + 1 + bool(self._folded)
        self._last = count - 1
        self._step = max(2, room // count)
        self._at = [self._step // 2 + lane * self._step for lane in range(count)]

    def heading(self) -> Iterator[str]:
        """Names, addresses."""
        names, addresses = [""] * len(self._at), [""] * len(self._at)
        for party, lane in self._lane.items():
            caller = f"caller {party.name}"
            fits = columns_of(caller) < self._step
            names[lane] = caller if party.is_caller and fits else party.name
            addresses[lane] = party.address
        names[self._ours] = OURS
        if self._folded:
            names[self._last] = f"{self._folded} others"
        yield self._centred(names)
        yield self._centred(addresses)

    def time(self, since_start: float, gap: float) -> str:
        text = _seconds(since_start, OFFSET)
        if self._gaps:
            text += _seconds(gap, GAP, "+") if gap >= 0.0005 else " " * GAP
        return text + " "

    def arrow(self, time: str, index: int, sip: Sip, seen: Glance, *, again: bool) -> str:
        party = self._parties.of(index)
        lane = self._lane.get(party)
        far = self._last if lane is None else lane
        low, high = sorted((far, self._ours))
        to_the_right = (far > self._ours) is (sip.way == "out")
        inside = max(0, self._at[high] - self._at[low] - 1)
        named = lane is None or len(party.names) > 1
        name = (self._parties.leg_name(sip, party) or party.address) if named else ""
        label = _label(seen, again, name).within(max(0, inside - 1))
        dashes = max(0, inside - 1 - columns_of(label))
        before = dashes // 2
        shaft = "-" * before + label + "-" * (dashes - before)
        shaft = shaft + ">" if to_the_right else "<" + shaft
        return self._whole(time, low, high, shaft)

    def note(self, time: str, record: Record) -> Iterator[str]:
        """A step of the call, or what was said besides."""
        said = (
            record.text
            if record.group in _TOLD and record.level == "info"
            else f"{record.level}: {record.text}"
        )
        mark = "---- " if record.group == "mark" else "* "
        room = max(8, self._width - len(time) - len(mark))
        text = safe(said[:_LONGEST].replace("\t", " "))
        for number, piece in enumerate(textwrap.wrap(text, room, break_on_hyphens=False) or [""]):
            start = time + mark if number == 0 else " " * (len(time) + len(mark))
            yield cut(start + piece, self._width)

    def _whole(self, time: str, low: int, high: int, shaft: str) -> str:
        line = time
        for lane, at in enumerate(self._at):
            begin = 0 if lane == 0 else self._at[lane - 1] + 1
            if low < lane <= high:
                line += (shaft if lane == low + 1 else "") + ("|" if lane == high else "")
            else:
                line += " " * (at - begin) + "|"
        return cut(line, self._width)

    def _centred(self, texts: Sequence[str]) -> str:
        line = " " * self._left
        for lane, text in enumerate(texts):
            name = cut(text, self._step - 1)
            begin = self._left + self._at[lane] - columns_of(name) // 2 - columns_of(line)
            line += " " * max(0, begin) + name
        return line.rstrip()


def _seconds(seconds: float, room: int, sign: str = "") -> str:
    """As exact as there is room for."""
    for digits in (3, 1):
        text = f"{sign}{seconds:.{digits}f}"
        if len(text) <= room:
            return text.rjust(room)
    return f"{sign}{seconds:.0f}"[:room].rjust(room)


def _label(seen: Glance, again: bool, name: str) -> _Label:
    what = safe(seen.name)
    short = safe(f"{seen.status} ({seen.method})" if seen.status and seen.method else what)
    shortest = safe(f"{seen.status}" if seen.status else what)
    sdp = " SDP" if seen.has_sdp else ""
    who = f"{safe(name)}: " if name else ""
    tail = f" {AGAIN}" if again else ""
    why = f" {safe(seen.why)}" if seen.why else ""
    forms = [who + what + sdp + why + tail] if why else []
    forms += [who + base + sdp + tail for base in dict.fromkeys((what, short, shortest))]
    forms += [who + shortest + tail, shortest + sdp + tail, shortest + tail]
    return _Label(tuple(dict.fromkeys(forms)))
