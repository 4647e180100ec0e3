"""`callisto trace` and `callisto traces`: what happens, as it happens, and what was kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from appliance.clock import local_zone
from appliance.commands.opened import actor
from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.trace_client import ControlTrace
from shell.layout import duration, moment
from shell.pages.trace_export import packets
from shell.pages.trace_live import missed_words
from shell.pages.trace_words import limits_of, size_words, state_words
from shell.ports import SystemUnavailableError
from shell.safe import safe
from shell.term import plain
from shell.trace.choosing import Asked, parse
from shell.trace.ladder import ladder
from shell.trace.printer import Printer, as_data
from shell.trace.record import Record
from shell.trace.typed import ChoiceError
from shell.trace_data import encode_capture
from shell.trace_ports import Capture, TraceRefusedError

DONE, REFUSED, WRONG, NOTHING_RUNS = 0, 1, 2, 3


def live(config: Config, words: Sequence[str], *, as_json: bool) -> int:
    """Until Ctrl-C or an end of its own. 0: it has ended; 2: the choice is wrong; 3: nothing runs."""
    try:
        asked = parse(" ".join(words))
    except ChoiceError as exc:
        complain(exc.message, exc.hint)
        return WRONG
    with contextlib.suppress(KeyboardInterrupt):
        return _with_trace(config, lambda trace: _watch(trace, asked, as_json=as_json))
    return DONE


def show(config: Config, name: str | None, *, as_json: bool, draw: bool, packets_to: Path | None) -> int:
    """The captures, or one of them."""

    async def work(trace: ControlTrace) -> int:
        captures = await trace.captures()
        if name is None:
            _list(captures, as_json=as_json)
            return DONE
        found = captures[:1] if name == "last" else [one for one in captures if name in (one.name, "")]
        if not found:
            complain(f"there is no capture {name!r}", "callisto traces lists them")
            return REFUSED
        if packets_to is not None:
            await _save(trace, found[0], packets_to)
        else:
            await _print(trace, found[0], as_json=as_json, draw=draw)
        return DONE

    return _with_trace(config, work)


def _with_trace(config: Config, work: Callable[[ControlTrace], Awaitable[int]]) -> int:
    async def run() -> int:
        async with ControlClient(config.control_socket) as control:
            trace = ControlTrace(control, config.control_socket)
            try:
                return await work(trace)
            finally:
                await trace.close()

    try:
        return asyncio.run(run())
    except SystemUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    except TraceRefusedError as exc:
        complain(exc.message, exc.hint)
        return REFUSED


async def _watch(trace: ControlTrace, asked: Asked, *, as_json: bool) -> int:
    """What is not a record goes to standard error: the rest may be piped on."""
    view = await trace.start(asked.choice, actor(), limits_of(asked))
    kept = f"kept as {view.capture}" if view.capture else f"not kept: {view.problem}"
    print(safe(f"Trace of {asked.choice.title}, {kept}. Ctrl-C ends it."), file=sys.stderr)
    line = _line(as_json=as_json, whole=asked.choice.sip)
    try:
        while True:
            batch = await view.next()
            if batch.missed:
                print(missed_words(batch.missed), file=sys.stderr)
            if batch.records:
                print("\n".join(map(line, batch.records)), flush=True)
            if batch.ended:
                print(safe(f"Trace ended: {batch.ended}."), file=sys.stderr)
                return DONE
    finally:
        await view.close()


def _line(*, as_json: bool, whole: bool) -> Callable[[Record], str]:
    if as_json:
        return lambda record: json.dumps(as_data(record), ensure_ascii=True)
    draw = Printer().drawing(local_zone(), whole=whole)
    return lambda record: "\n".join(safe(plain(line)) for line in draw(record))


def _list(captures: Sequence[Capture], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([encode_capture(one) for one in captures], ensure_ascii=False, indent=2))
        return
    for one in captures:
        took = duration((one.ended - one.started).total_seconds()) if one.ended else "runs"
        about = f"{moment(one.started, local_zone())}  {took:<9}  {size_words(one.size):>8}"
        print(safe(f"{one.name:<28}  {about}  {state_words(one)}  {one.choice.title}"))
    if not captures:
        print("There are no captures: callisto trace makes one.")


async def _print(trace: ControlTrace, capture: Capture, *, as_json: bool, draw: bool) -> None:
    records = trace.read(capture.name)
    if draw:
        every = [record async for block in records for record in block]
        print("\n".join(ladder(every, shutil.get_terminal_size().columns, zone=local_zone())))
        return
    line = _line(as_json=as_json, whole=capture.choice.sip)
    async for block in records:
        print("\n".join(map(line, block)), flush=True)


async def _save(trace: ControlTrace, capture: Capture, to: Path) -> None:
    pieces: AsyncIterator[bytes] = packets(trace.read(capture.name))
    if str(to) == "-":
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with to.open("wb") as file:
        async for piece in pieces:
            file.write(piece)
    print(f"{capture.name} is written to {to}")
