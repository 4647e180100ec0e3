"""Compact: what would be deleted, the question, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from db.compacted import Compacted, Old
from shell.compact_data import encode
from shell.compact_ports import Compacting
from shell.layout import Cell, pairs, paragraph
from shell.listing import interrupted
from shell.pipes import Pipe
from shell.registry import Answer, Ask, Context, Live
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style, Term

WORD = "force"


async def compact(context: Context, arguments: tuple[str, ...]) -> Answer:
    """Asked first, unless it is forced: rows are deleted, and writers wait for a moment."""
    given = arguments[0].casefold() if arguments else ""
    if given not in ("", WORD):
        raise CommandError(f"compact: {arguments[0][:40]!r} was not understood", f"right is compact [{WORD}]")
    run = Live(partial(_run, context))
    if given == WORD:
        return run

    if context.script:
        raise CommandError("this asks first, and a script is not asked", f"instead: compact {WORD}")

    async def yes() -> Answer:
        return run

    lines = (
        "The store is cleaned and written anew; calls go on.",
        *_old(await context.services.compact.old()),
    )
    return Ask(lines, "Compact the store now? (yes/no) ", {"yes": yes})


async def _run(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[Compacting] = []

    async def follow() -> None:
        async with aclosing(context.services.compact.run(context.actor)) as steps:
            async for step in steps:
                seen.append(step)
                if term.rich and step.result is None:
                    await term.status(f"  {step.doing}")

    if await interrupted(term, follow()):
        return Reply(("It goes on without you; show audit tells what came of it.",))
    if term.rich:
        await term.status("")
    done = seen[-1].result
    assert done is not None
    return Reply(_result(done, context.width), encode(done))


def _result(done: Compacted, columns: int) -> tuple[Line, ...]:
    freed = done.before - done.after
    items: list[tuple[str, Cell]] = [
        ("Before", f"{done.before / 1e6:,.1f} MB"),
        ("Now", Span(f"{done.after / 1e6:,.1f} MB", Style.GOOD)),
        ("Freed", f"{freed / 1e6:,.1f} MB" if freed > 0 else "nothing"),
        *(("Deleted", f"{each.rows:,} {each.what}") for each in done.cleaned if each.rows),
        ("Waited", f"{done.waited_s:.2f} s: the longest that a writer waited meanwhile"),
        ("Took", f"{done.took_s:.1f} s"),
    ]
    remark = paragraph(done.remark[:1].upper() + done.remark[1:] + ".", columns) if done.remark else ()
    return (*pairs(items, columns), *remark)


def _old(found: Sequence[Old]) -> tuple[Line, ...]:
    return tuple(
        f"  {each.what}: all are kept"
        if not each.days
        else f"  {each.what}: {each.rows:,} older than {each.days} days are deleted"
        for each in found
    )
