"""The main menu: entries as data, with the prompt below them: a number and a command both work."""

from __future__ import annotations

from collections.abc import Sequence

from db.errors import StoreError
from shell.layout import table
from shell.obey import obey
from shell.pages import clock_menu, sessions_menu, trace_menu, updates_menu, variables_menu
from shell.ports import Services, SystemUnavailableError
from shell.registry import Answer, Context, Entry, Leave
from shell.repair_ports import RepairState
from shell.reply import failure_lines
from shell.screen import HEADING_ROWS, choice, heading, pause
from shell.term import Line, Span, Style, Term
from shell.trail import record


async def _variables(context: Context, term: Term) -> None:
    await variables_menu.open_list(context, term)


async def _information(context: Context, term: Term) -> None:
    await heading(context, term, "System Information")
    await obey(context, term, "show info", above=HEADING_ROWS)
    await pause(term)


async def _clock(context: Context, term: Term) -> None:
    await clock_menu.open_clock(context, term)


async def _self_test(context: Context, term: Term) -> None:
    await heading(context, term, "Self Test")
    await obey(context, term, "self test")
    await term.show(
        "",
        (Span("  1", Style.KEY), Span("  Make a support bundle")),
        (Span("  0", Style.KEY), Span("  Back")),
    )
    if await choice(term, "Number, 0 to go back: ") == "1":
        await obey(context, term, "support bundle")
        await pause(term)


async def _sessions(context: Context, term: Term) -> None:
    await sessions_menu.open_sessions(context, term)


async def _compact(context: Context, term: Term) -> None:
    await heading(context, term, "Compact Database")
    await obey(context, term, "compact", above=HEADING_ROWS)
    await pause(term)


async def _backup(context: Context, term: Term) -> None:
    await heading(context, term, "Backup")
    await obey(context, term, "show backups", above=HEADING_ROWS)
    await term.show(
        "",
        *((Span(f"  {number}", Style.KEY), Span(f"  {title}")) for number, title, _ in _BACKUPS),
        (Span("  0", Style.KEY), Span("  Back")),
    )
    answer = await choice(term, "Number, 0 to go back: ")
    for number, _, command in _BACKUPS:
        if answer == number:
            await obey(context, term, command)
            await pause(term)


async def _repair(context: Context, term: Term) -> None:
    await heading(context, term, "Repair Database")
    state = await _repair_state(context)
    running = state is not None and not state.done
    await obey(context, term, "repair status" if running else "repair check", above=HEADING_ROWS)
    await term.show(
        "",
        *((Span(f"  {number}", Style.KEY), Span(f"  {title}")) for number, title, _ in _REPAIRS),
        (Span("  0", Style.KEY), Span("  Back")),
    )
    answer = await choice(term, "Number, 0 to go back: ")
    for number, _, command in _REPAIRS:
        if answer == number:
            await obey(context, term, command)
            await pause(term)


async def _repair_state(context: Context) -> RepairState | None:
    try:
        return await context.services.repair.state()
    except SystemUnavailableError:
        return None  # whatever is asked next says so


_REPAIRS = (
    ("1", "Repair it", "repair start"),
    ("2", "How far it is", "repair status"),
    ("3", "What came of the last one", "show repairs last"),
)


_BACKUPS = (
    ("1", "Make one now", "backup"),
    ("2", "How far it is, or what came of the last one", "backup status"),
    ("3", "Restore the newest one: what would change first, and a question", "restore start last"),
    ("4", "How far a restore is, or what came of the last one", "restore status"),
)


async def _trace(context: Context, term: Term) -> None:
    await trace_menu.open_trace(context, term)


async def _updates(context: Context, term: Term) -> None:
    await updates_menu.open_updates(context, term)


ENTRIES = (
    Entry("Trace", "see what happens, as it happens", "trace", _trace),
    Entry("Repair Database", "look for damage in the store, mend it", "repair check", _repair),
    Entry("System Variables", "settings that the web pages do not have", "show variables", _variables),
    Entry("System Information", "what runs, since when, and how it is", "show info", _information),
    Entry("Set Date/Time", "the clock, its zone, its time server", "show clock", _clock),
    Entry("Self Test", "what to look at before a bug report", "self test", _self_test),
    Entry("Sessions", "who is logged in, and what he does", "show sessions", _sessions),
    Entry("Backup", "everything in one file, proven", "backup", _backup),
    Entry("Compact Database", "delete old records, shrink the store", "compact", _compact),
    Entry(
        "Updates",
        "install one, go back, what came of it",
        "show updates",
        _updates,
        lambda services: services.updates is not None,
    ),
    Entry("Exit", "leave", "exit", None),
)


def entries(services: Services) -> tuple[Entry, ...]:
    """Those behind which something is. The last one leaves, and has the number 0."""
    return tuple(entry for entry in ENTRIES if entry.there(services))


async def show(context: Context, term: Term) -> None:
    await heading(context, term)
    await term.show(*lines(entries(context.services), term.columns), "")


def lines(offered: Sequence[Entry], columns: int) -> tuple[Line, ...]:
    rows = [
        (
            Span(f"{(index + 1) % len(offered):>3}", Style.KEY),
            entry.title,
            Span(entry.help, Style.DIM),
            entry.command,
        )
        for index, entry in enumerate(offered)
    ]
    return (
        *table(rows, columns, most=44),
        "",
        (Span("Type a number, or a command; ? lists the commands.", Style.DIM),),
    )


async def choose(context: Context, term: Term, number: str) -> Answer | None:
    """Open the entry with that number, and show the menu again after it."""
    index, offered = int(number[:4]), entries(context.services)
    # A long number may be a password, typed where it does not belong.
    chosen = f"menu {index}" if index < len(offered) else "menu: no such number"
    await record(context.services.audit, context.actor, "command", chosen)
    if index >= len(offered):
        await term.show(*failure_lines(f"{number} is not one of the numbers", "menu shows them"))
        return None
    entry = offered[index - 1]
    if entry.open is None:
        return Leave()
    try:
        with context.own.doing(f"menu: {entry.title}"):
            await entry.open(context, term)
    except StoreError as exc:
        await term.show(*failure_lines(exc.message, exc.hint))
        await pause(term)
    await show(context, term)
    return None
