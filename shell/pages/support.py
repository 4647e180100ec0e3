"""Support bundles: made while their user looks on, listed, deleted."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial

from shell.layout import Cell, ago, moment, table
from shell.listing import interrupted
from shell.pipes import Pipe
from shell.registry import Context, Live
from shell.reply import Reply
from shell.support_ports import Bundle, Progress
from shell.term import Line, Span, Style, Term
from shell.trail import record

FETCH = "Fetch it from the web page Files, or from the folder support in the state folder."
CONTENTS = "Secrets are masked; numbers, names and addresses are in it: for those only who need it."


async def make_bundle(context: Context, _arguments: tuple[str, ...]) -> Live:
    return Live(partial(_make, context))


async def _make(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[Progress] = []

    async def follow() -> None:
        async with aclosing(context.services.support.make()) as steps:
            async for progress in steps:
                seen.append(progress)
                if term.rich and progress.bundle is None:
                    await term.status(f"  {progress.step} of {progress.of}: {progress.doing}")

    if await interrupted(term, follow()):
        await record(context.services.audit, context.actor, "support bundle", "cancelled")
        return Reply(("Cancelled; nothing is left of it.",))
    if term.rich:
        await term.status("")
    last = seen[-1]
    assert last.bundle is not None
    await record(context.services.audit, context.actor, "support bundle", last.bundle.name)
    lines: list[Line] = [
        (Span(last.bundle.name, Style.TITLE), Span(f", {size(last.bundle.size)}, is ready.")),
        f"  {FETCH}",
        f"  {CONTENTS}",
        *((Span(f"  missing: {each}", Style.BAD),) for each in last.missing),
    ]
    return Reply(tuple(lines), data(last.bundle))


async def show_bundles(context: Context, _arguments: tuple[str, ...]) -> Reply:
    services = context.services
    found = await services.support.bundles()
    rows: list[tuple[Cell, ...]] = [
        (each.name, size(each.size), moment(each.made, services.zone), ago(each.made, services.now()))
        for each in found
    ]
    shown = table(rows, context.table_width, heading=("Bundle", "Size", "Made", ""))
    return Reply(
        shown if rows else ("There is none; support bundle makes one.",), [data(each) for each in found]
    )


async def delete_bundle(context: Context, arguments: tuple[str, ...]) -> Reply:
    await context.services.support.delete(arguments[0])
    await record(context.services.audit, context.actor, "support bundle", f"deleted {arguments[0]}")
    return Reply((f"{arguments[0]} is deleted.",))


def data(bundle: Bundle) -> dict[str, object]:
    return {"name": bundle.name, "size": bundle.size, "made": bundle.made.isoformat()}


def size(count: int) -> str:
    """Bytes for people."""
    for unit, one in (("MB", 1_000_000), ("kB", 1000)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} bytes"
