"""Help made from the commands themselves: all of them, one of them, and what may come next in a line."""

from __future__ import annotations

from collections.abc import Sequence

from shell.completion import NOTHING, Known, explain, objection, suggest
from shell.layout import Cell, paragraph, table
from shell.pipes import PIPES
from shell.registry import Command, Context
from shell.reply import CommandError, Reply, failure_lines
from shell.term import Line, Span, Style

WIDEST_SYNTAX = 27
"""Of those that have their help beside them."""
FOOTER = (
    "Words may be shortened while they are unique, names of variables too. Every show command takes | json, "
    "or | match TEXT, | except TEXT, | begin TEXT and | count, one after the other. A command that asks "
    "something asks nothing with force at its end. A number opens the menu's entry of that number."
)


async def show_help(context: Context, arguments: tuple[str, ...]) -> Reply:
    """All commands, or those that the argument is the beginning of."""
    if arguments:
        found = explain(context.commands, arguments[0])
        if not found:
            raise CommandError(f"there is no command {arguments[0]!r}", "? lists the commands")
        lines = tuple(line for command in found for line in _one(command, context.width))
        return Reply(lines, _data(found))
    lines = _list(context.commands, context.table_width)
    data = _data([command for command in context.commands if not command.hidden])
    return Reply((*lines, "", *paragraph(FOOTER, context.width, indent=0)), data)


def at_cursor(
    commands: Sequence[Command], typed: str, columns: int, known: Known = NOTHING
) -> tuple[Line, ...]:
    """What may come after `typed`, or why it would be refused; for `?` in a line."""
    if not typed.strip():
        return _list(commands, columns)
    here = suggest(commands, typed, known)
    refused = objection(commands, typed, known)
    if refused is not None and (not here or typed[-1].isspace()):
        return failure_lines(*refused)
    if here:
        rows = [(Span(each.word, Style.KEY), each.help) for each in here]
        return table(rows, columns, indent=2, whole=True)
    meant = explain(commands, typed)
    if meant:
        lines = _syntaxes(meant, columns)
        pipes = table([(Span(f"| {each.word}", Style.KEY), each.help) for each in PIPES], columns, indent=2)
        return (*lines, *(pipes if all(each.shows for each in meant) else ()))
    return ((Span(f"% nothing begins with {typed.strip()!r}", Style.BAD),), "  ? lists the commands")


def _list(commands: Sequence[Command], columns: int | None) -> tuple[Line, ...]:
    return _syntaxes([each for each in commands if not each.hidden], columns)


def _syntaxes(commands: Sequence[Command], columns: int | None) -> tuple[Line, ...]:
    """Whole on every screen: a syntax that is very long has a line of its own."""
    rows: list[tuple[Cell, ...]] = []
    for each in commands:
        syntax = Span(each.syntax, Style.KEY)
        if columns is not None and len(each.syntax) > WIDEST_SYNTAX:
            rows.extend([(syntax,), ("", each.help)])
        else:
            rows.append((syntax, each.help))
    return table(rows, columns, indent=2, most=WIDEST_SYNTAX, whole=True)


def _data(commands: Sequence[Command]) -> list[dict[str, object]]:
    return [{"command": c.name, "syntax": c.syntax, "help": c.help, "changes": c.changes} for c in commands]


def _one(command: Command, columns: int) -> tuple[Line, ...]:
    lines: list[Line] = [(Span(command.syntax, Style.KEY),), *paragraph(command.help + ".", columns)]
    for argument in command.arguments:
        if argument.help:
            lines.extend(paragraph(f"{argument.name}: {argument.help}", columns))
    if command.changes:
        lines.extend(paragraph("For administrators.", columns))
    return tuple(lines)
