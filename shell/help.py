"""Help made from the commands themselves: all of them, one of them, and what may come next in a line."""

from __future__ import annotations

from collections.abc import Sequence

from shell.layout import paragraph, table
from shell.registry import PIPES, Command, Context, explain, suggest
from shell.reply import CommandError, Reply
from shell.term import Line, Span, Style

FOOTER = (
    "Words may be shortened while they are unique, names of variables too. Every show command takes | json, "
    "and | match TEXT. A number opens the menu's entry of that number."
)


async def show_help(context: Context, arguments: tuple[str, ...]) -> Reply:
    """All commands, or those that the argument is the beginning of."""
    if arguments:
        found = explain(context.commands, arguments[0])
        if not found:
            raise CommandError(f"there is no command {arguments[0]!r}", "? lists the commands")
        return Reply(tuple(line for command in found for line in _one(command, context.width)))
    lines = _list(context.commands, context.width)
    return Reply((*lines, "", *paragraph(FOOTER, context.width, indent=0)))


def at_cursor(commands: Sequence[Command], typed: str, columns: int) -> tuple[Line, ...]:
    """What may come after `typed`; for `?` in a line."""
    if not typed.strip():
        return _list(commands, columns)
    here = suggest(commands, typed)
    if here:
        return table([(Span(each.word, Style.KEY), each.help) for each in here], columns, indent=2)
    known = explain(commands, typed)
    if known:
        lines = table(
            [(Span(each.syntax, Style.KEY), each.help) for each in known], columns, indent=2, most=34
        )
        pipes = table([(Span(f"| {each.word}", Style.KEY), each.help) for each in PIPES], columns, indent=2)
        return (*lines, *(pipes if all(each.shows for each in known) else ()))
    return ((Span(f"% nothing begins with {typed.strip()!r}", Style.BAD),), "  ? lists the commands")


def _list(commands: Sequence[Command], columns: int) -> tuple[Line, ...]:
    rows = [(Span(each.syntax, Style.KEY), each.help) for each in commands if not each.hidden]
    return table(rows, columns, indent=2, most=34)


def _one(command: Command, columns: int) -> tuple[Line, ...]:
    lines: list[Line] = [(Span(command.syntax, Style.KEY),), *paragraph(command.help + ".", columns)]
    for argument in command.arguments:
        if argument.help:
            lines.extend(paragraph(f"{argument.name}: {argument.help}", columns))
    if command.changes:
        lines.extend(paragraph("For administrators.", columns))
    return tuple(lines)
