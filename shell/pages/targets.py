"""Targets of backups: which there are, set up, tried, and what is on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shell.layout import Cell, table
from shell.pipes import Pipe
from shell.registry import Answer, Ask, Context, Live
from shell.reply import CommandError, Reply
from shell.target_ports import TargetShown
from shell.term import Interrupted, Line, Span, Style, Suggestion, Term

KINDS = ("directory", "ftp", "ftps", "sftp")
ASKED = ("secret", "password")
WORDS = (
    "host", "port", "user", "folder", "pin", "schedule", "daily", "weekly", "monthly", "alarm", "enabled",
    *ASKED,
)  # fmt: skip
NONE = "No target is set up; target add NAME KIND makes one."


async def names(context: Context) -> Sequence[Suggestion]:
    """For completion."""
    return [Suggestion(each.name, each.where) for each in await context.services.targets.all()]


async def show_targets(context: Context, _arguments: tuple[str, ...]) -> Reply:
    found = await context.services.targets.all()
    if not found:
        return Reply((NONE,), [])
    lines: list[Line] = []
    for each in found:
        lines += [*([""] if lines else []), *_shown(each)]
    return Reply(tuple(lines), [_data(each) for each in found])


async def add(context: Context, arguments: tuple[str, ...]) -> Reply:
    name, kind = arguments
    await context.services.targets.add(context.actor, name, kind)
    needed = "folder" if kind.casefold() == "directory" else "host, user, secret and folder"
    return Reply((f"{name} is there. It still needs {needed}: target set {name} …",))


async def set_(context: Context, arguments: tuple[str, ...]) -> Answer:
    """A secret is asked for: a line that is typed is in the audit trail."""
    name, _, rest = arguments[0].partition(" ")
    word, _, text = rest.strip().partition(" ")
    if word not in WORDS:
        raise CommandError(
            f"a target has no {word[:40]!r}" if word else "what is to be set is missing",
            f"one of {', '.join(WORDS)}",
        )
    if word not in ASKED:
        await context.services.targets.set(context.actor, name, word, text.strip())
        return Reply((f"{name}: {word} is set.",))
    if text or context.script:
        raise CommandError("it is asked for, and never part of a line", f"target set {name} {word}")
    return Live(partial(_ask, context, name, word))


async def remove(context: Context, arguments: tuple[str, ...]) -> Answer:
    (name,) = arguments

    async def go() -> Answer:
        await context.services.targets.remove(context.actor, name)
        return Reply((f"{name} is no target any more. The backups on it stay.",))

    if context.script:
        return await go()
    said = f"Nothing is carried to {name} any more; the backups on it stay."
    return Ask((said,), "Remove it? yes or no: ", {"yes": go, "y": go})


async def key(context: Context, arguments: tuple[str, ...]) -> Reply:
    (name,) = arguments
    line = await context.services.targets.new_key(context.actor, name)
    return Reply(("A new key was made; this line belongs into authorized_keys on the server:", "", line))


async def test(context: Context, arguments: tuple[str, ...]) -> Reply:
    (name,) = arguments
    found = await context.services.targets.test(name)
    lines: list[Line] = [(Span("  ok    ", Style.GOOD), Span(each)) for each in found.steps]
    if found.problem:
        lines += [(Span("  fail  ", Style.BAD), Span(found.problem)), f"        {found.hint}"]
    else:
        lines += ["", f"Backups can be carried to {name}."]
    data = {"steps": list(found.steps), "problem": found.problem, "hint": found.hint}
    return Reply(tuple(lines), data)


async def show_kept(context: Context, arguments: tuple[str, ...]) -> Reply:
    """The backups on a target, newest first."""
    (name,) = arguments
    found = await context.services.targets.kept(name)
    data = [{"name": e.name, "bytes": e.size, "at": e.at.isoformat()} for e in found]
    if not found:
        return Reply((f"There is no backup on {name}; backup to {name} makes one.",), data)
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = [
        (e.name, f"{e.at.astimezone(zone):%Y-%m-%d %H:%M}", f"{e.size / 1e6:,.1f} MB") for e in found
    ]
    return Reply(table(rows, context.table_width, heading=("Backup", "Made", "Size")), data)


async def _ask(context: Context, name: str, word: str, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    of = "at the server" if word == "secret" else "of the archives, Enter for none"
    try:
        first = await term.ask(f"Password {of}: ", secret=True)
        await term.show("")
        again = await term.ask("Once more: ", secret=True)
        await term.show("")
    except Interrupted:
        return Reply(("Nothing was changed.",))
    if first != again:
        raise CommandError("the two are not the same; nothing was changed", "the same command asks again")
    await context.services.targets.set(context.actor, name, word, first)
    return Reply((f"{name}: {word} is set.",))


def _shown(each: TargetShown) -> list[Line]:
    settings = each.settings
    plan = settings.get("schedule") or "when somebody asks for it"
    if settings.get("enabled") is not True:
        plan = "switched off"
    keeps = ", ".join(f"{settings.get(word)} {word}" for word in ("daily", "weekly", "monthly"))
    last = f"{each.proven}, {each.proven_at}" if each.proven else "none yet"
    style = Style.BAD if each.late or each.result.startswith("failed") else Style.GOOD
    lines: list[Line] = [
        (Span(each.name, Style.KEY), Span(f"  {each.where or '(not complete)'}")),
        f"  planned     {plan}; keeps {keeps}; alarm after {settings.get('alarm')} days",
        f"  secret      {settings.get('secret')}; password of the archives: {settings.get('password')}",
        f"  last good   {last}",
    ]
    if settings.get("pin"):
        lines.append(f"  known by    {settings.get('pin')}")
    if each.result:
        lines.append((Span("  last result "), Span(each.result, style)))
    return lines


def _data(each: TargetShown) -> dict[str, object]:
    return {
        "name": each.name, "kind": each.kind, "where": each.where, **each.settings,
        "proven": each.proven, "proven_at": each.proven_at, "result": each.result, "late": each.late,
    }  # fmt: skip
