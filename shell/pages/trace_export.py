"""A capture for other programs: packets for Wireshark, or an object a line."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import islice

from shell.listing import STOPPED, interrupted
from shell.pages.trace_captures import find
from shell.pipes import Pipe
from shell.registry import Answer, Context, Live
from shell.reply import CommandError, Reply
from shell.term import Term
from shell.trace import pcap
from shell.trace.printer import as_data
from shell.trace.record import Record
from shell.trace_ports import Capture
from shell.trail import record

FORMS = ("pcap", "json")
LINE = 57
"""Bytes of a line of base64, which has 76 characters then (RFC 2045)."""


async def export(context: Context, arguments: tuple[str, ...]) -> Answer:
    form = arguments[1].casefold()
    if form not in FORMS:
        raise CommandError(f"trace export: {form[:20]!r} is no form", f"right is {' or '.join(FORMS)}")
    capture = await find(context, arguments[0])
    return Live(partial(_write, context, capture, form))


async def packets(blocks: AsyncIterator[tuple[Record, ...]]) -> AsyncIterator[bytes]:
    """A file of packets in pieces, made while the records come."""
    waiting: deque[Record] = deque()

    def taken() -> Iterator[Record]:
        while waiting:
            yield waiting.popleft()

    # The writer takes as many records as it is asked for pieces, so it never finds none waiting.
    writer = pcap.blocks(taken())
    yield next(writer)
    async for records in blocks:
        waiting.extend(one for one in records if one.sip is not None)
        for piece in islice(writer, len(waiting)):
            yield piece


def begin_line(name: str) -> str:
    return f"-----BEGIN {name}.pcap-----"


def end_line(name: str) -> str:
    return f"-----END {name}.pcap-----"


async def _write(
    context: Context, capture: Capture, form: str, term: Term, _pipes: tuple[Pipe, ...]
) -> Answer | None:
    await record(context.services.audit, context.actor, "trace", f"exported {capture.name} as {form}")
    write = _write_packets if form == "pcap" else _write_objects
    stopped = await interrupted(term, write(context, capture, term))
    return Reply((STOPPED,)) if stopped else None


async def _write_objects(context: Context, capture: Capture, term: Term) -> None:
    async for records in context.services.trace.read(capture.name):
        await term.stream(*(json.dumps(as_data(one), ensure_ascii=True) for one in records))


async def _write_packets(context: Context, capture: Capture, term: Term) -> None:
    """In base64: a terminal carries text only."""
    await term.stream(begin_line(capture.name))
    rest = b""
    async for piece in packets(context.services.trace.read(capture.name)):
        rest += piece
        whole = len(rest) - len(rest) % LINE
        lines = [b64encode(rest[at : at + LINE]).decode() for at in range(0, whole, LINE)]
        rest = rest[whole:]
        await term.stream(*lines)
    last = [b64encode(rest).decode()] if rest else []
    await term.stream(*last, end_line(capture.name))
