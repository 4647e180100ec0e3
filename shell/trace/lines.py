"""A record as one line of the live view, and a SIP message below it when it is wanted whole. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from functools import lru_cache

from shell.safe import safe
from shell.trace.record import Record

SHORT = 8
"""Characters of a call's id that people are shown."""
INDENT = "    "
_ENDS = re.compile(r"\r\n|\r|\n")


def line(record: Record, zone: tzinfo) -> str:
    """`21:35:12.123 router   3f2a91c0  <- udp 10.0.0.5:5060  INVITE sip:300@10.0.0.1 (SDP)`: time in `zone`,
    process, level unless it is info, the call, what happened. Safe for a terminal."""
    whole = int(record.at)
    text = f"{_clock(whole, zone)}.{int((record.at - whole) * 1000):03d} {record.process:<8} "
    if record.level != "info":
        text += record.level.upper() + " "
    if record.call:
        text += record.call[:SHORT] + "  "
    sip = record.sip
    if sip is not None:
        text += f"{'<-' if sip.way == 'in' else '->'} {sip.transport} {sip.remote}  "
    elif record.group == "mark":
        text += "---- "
    return safe(text + record.text.replace("\n", " "))


def lines(record: Record, zone: tzinfo) -> list[str]:
    """The line, and a SIP message whole below it."""
    shown = [line(record, zone)]
    if record.sip is not None:
        shown += message(record.sip.raw)
    return shown


def message(raw: str) -> list[str]:
    """The lines of a SIP message, indented and safe."""
    return [safe(INDENT + each).rstrip() for each in _ENDS.split(raw.rstrip("\r\n"))]


@lru_cache(maxsize=256)
def _clock(second: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(second, zone).strftime("%H:%M:%S")
