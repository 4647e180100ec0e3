"""Tracing as commands: the live view, marks, captures without a view, and what the processes do now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial

from shell.layout import Cell, table
from shell.pages.trace_live import END, Draw, LiveView
from shell.pages.trace_words import ending, heading, limits_of
from shell.pipes import Pipe, through
from shell.registry import Answer, Context, Live
from shell.reply import CommandError, Reply
from shell.screen import bar
from shell.term import EndOfInput, Interrupted, Line, Span, Style, Term
from shell.trace.choosing import Asked, parse
from shell.trace.printer import as_data
from shell.trace.record import Record
from shell.trace.typed import ChoiceError
from shell.trace_ports import Doing, Limits, Watcher
from shell.trail import record

LIVE_PIPES = frozenset({"json", "match", "except"})
LONGEST_MARK = 200
REFRESH_S = 1.0
LOOK_AT_MOST_S = 3600.0
"""How long the view of the processes keeps a session from being idle."""


async def trace(context: Context, arguments: tuple[str, ...]) -> Answer:
    asked = read_choice(" ".join(arguments))
    return Live(partial(_watch, context, asked))


def read_choice(text: str) -> Asked:
    """Raises CommandError."""
    try:
        return parse(text)
    except ChoiceError as exc:
        raise CommandError(f"trace: {exc.message}", exc.hint) from exc


async def _watch(context: Context, asked: Asked, term: Term, pipes: tuple[Pipe, ...]) -> Answer | None:
    services = context.services
    plain = bool(pipes) and pipes[0].word == "json"
    draw = _drawing(context, asked, pipes)
    view = await services.trace.start(asked.choice, context.actor, limits_of(asked))
    name = view.capture or "not kept"
    await _note(context, f"begins {name}: {asked.choice.title}")
    begun, why, shown = services.monotonic(), "the session ended", 0
    live = LiveView(term, view, draw, partial(_insert, context), lasts=asked.for_s is not None)
    try:
        if not plain:
            await term.show(
                *heading(context, asked, view, await _others(context, view.capture), rich=term.rich)
            )
        with context.own.kept_alive((limits_of(asked) or Limits()).seconds):
            why = await live.run()
    except EndOfInput:
        why = "the connection ended"
        raise
    finally:
        shown = live.shown
        await view.close()
        await _note(context, f"ends {name}: {why}, {shown} records shown, {view.missed} missed")
    if plain:
        return None
    return Reply(ending(view, why, shown, services.monotonic() - begun))


def _drawing(context: Context, asked: Asked, pipes: tuple[Pipe, ...]) -> Draw:
    zone = context.services.zone
    if wrong := [pipe.word for pipe in pipes if pipe.word not in LIVE_PIPES]:
        right = "right is | json, | match TEXT, | except TEXT"
        raise CommandError(f"trace: | {wrong[0]} needs an end, and a live trace has none", right)
    if pipes and pipes[0].word == "json":
        return lambda record: (json.dumps(as_data(record), ensure_ascii=True),)
    lines = context.services.printer.drawing(zone, whole=asked.choice.sip)
    return partial(_filtered, lines, pipes) if pipes else lines


def _filtered(
    lines: Callable[[Record], tuple[Line, ...]], pipes: tuple[Pipe, ...], record: Record
) -> Sequence[Line]:
    return through(Reply(lines(record)), pipes)


async def _others(context: Context, capture: str) -> list[Watcher]:
    """Who watches besides this session."""
    watchers = list(await context.services.trace.watchers())
    own = [
        each
        for each in watchers
        if (each.user, each.address, each.capture) == (context.actor.user, context.actor.address, capture)
    ]
    return [each for each in watchers if each not in own[:1]]


async def mark(context: Context, arguments: tuple[str, ...]) -> Reply:
    watchers = await context.services.trace.watchers()
    await _insert(context, arguments[0])
    seen = f"{len(watchers)} watching" if watchers else "nobody watches just now; captures have it"
    return Reply((f"Marked: {seen}.",), {"watchers": len(watchers)})


async def _insert(context: Context, text: str) -> None:
    await context.services.trace.mark(text[:LONGEST_MARK], context.actor)
    await _note(context, f"mark: {text[:LONGEST_MARK]}")


async def start_capture(context: Context, arguments: tuple[str, ...]) -> Reply:
    asked = read_choice(" ".join(arguments))
    name = await context.services.trace.capture(asked.choice, context.actor, limits_of(asked))
    await _note(context, f"begins {name}: {asked.choice.title}")
    lines: tuple[Line, ...] = (
        (Span("Capture "), Span(name, Style.GOOD), Span(f" runs: {asked.choice.title}.")),
        f"  trace stop {name} ends it; the limits do so too",
    )
    return Reply(lines, {"capture": name})


# -- what every process does now


async def processes(context: Context, arguments: tuple[str, ...]) -> Answer:
    # `trace process router` is a choice, and `process` the beginning of this command's name.
    if arguments:
        return await trace(context, (f"process {arguments[0]}",))
    return Live(partial(_look, context))


async def _look(context: Context, term: Term, pipes: tuple[Pipe, ...]) -> Answer | None:
    """Until a key on a rich terminal; once elsewhere."""
    trace = context.services.trace
    if not term.rich or pipes or context.script:
        found = await trace.processes()
        return Reply(_table(found, context.table_width), [_as_data(one) for one in found])
    await term.clear()
    keys = (Span("Every second anew; q ends.", Style.DIM),)
    with context.own.kept_alive(LOOK_AT_MOST_S):
        while True:
            found = await trace.processes()
            at = f"{context.services.now().astimezone(context.services.zone):%H:%M:%S}"
            title = bar("What the processes do", at, columns=term.columns)
            await term.redraw(title, "", *_table(found, term.columns), "", keys)
            try:
                async with asyncio.timeout(REFRESH_S):
                    if await term.meanwhile() in END:
                        return None
            except TimeoutError:
                continue
            except Interrupted:
                return None


def _table(found: Sequence[Doing], columns: int | None) -> tuple[Line, ...]:
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        state = Span(one.state, Style.PLAIN if one.state == "ready" else Style.BAD)
        first, *more = one.doing or ("",)
        rows.append((Span(one.process, Style.KEY), state, str(one.pid or "-"), first))
        rows.extend(("", "", "", line) for line in more)
    return table(rows, columns, heading=("Process", "State", "Pid", "Now"))


def _as_data(one: Doing) -> dict[str, object]:
    return {"process": one.process, "state": one.state, "pid": one.pid, "doing": list(one.doing)}


async def _note(context: Context, detail: str) -> None:
    await record(context.services.audit, context.actor, "trace", detail)
