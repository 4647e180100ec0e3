"""The self test: each check as it is done, with what to do about those that fail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shell.checks_data import passed, report, summary
from shell.checks_ports import CheckResult, CheckState
from shell.layout import fit, paragraph
from shell.listing import STOPPED, interrupted
from shell.pipes import Pipe
from shell.registry import Context, Live
from shell.reply import Reply
from shell.safe import safe
from shell.term import Line, Span, Style, Term

_NAME = 18
_INDENT = 2 + 7 + 2 + _NAME + 2
_WORDS: dict[CheckState, tuple[str, Style]] = {
    "ok": ("ok", Style.GOOD),
    "warn": ("warning", Style.KEY),
    "fail": ("FAILED", Style.BAD),
    "skipped": ("skipped", Style.DIM),
}


async def self_test(context: Context, _arguments: tuple[str, ...]) -> Live:
    """Shown while it runs, or, when something filters it, at its end."""
    return Live(partial(_run, context))


async def _run(context: Context, term: Term, pipes: tuple[Pipe, ...]) -> Reply:
    results: list[CheckResult] = []
    showing = None if pipes else term

    async def all_of_it() -> None:
        async for result in context.services.self_test.run():
            results.append(result)
            if showing:
                await showing.show(*lines_of(result, context.width))

    if await interrupted(term, all_of_it()):
        return Reply((STOPPED, "The checks end by themselves."))
    shown = () if showing else [line for each in results for line in lines_of(each, context.width)]
    return Reply((*shown, "", _end(results)), report(results))


def lines_of(result: CheckResult, columns: int) -> tuple[Line, ...]:
    """What was found, and below it what to do."""
    word, style = _WORDS[result.state]
    found = paragraph(result.found, columns, indent=_INDENT) or ("",)
    bad = Style.BAD if result.state == "fail" else Style.PLAIN
    remedy = f"-> {result.remedy}" if result.remedy and result.state != "ok" else ""
    return (
        (
            Span("  "),
            Span(fit(word, 7), style),
            Span("  "),
            Span(fit(safe(result.name), _NAME), Style.LABEL),
            Span("  "),
            Span(str(found[0]).strip(), bad),
        ),
        *((Span(str(line), bad),) for line in found[1:]),
        *paragraph(remedy, columns, indent=_INDENT),
    )


def _end(results: Sequence[CheckResult]) -> Line:
    return (Span(f"{summary(results)}.", Style.GOOD if passed(results) else Style.BAD),)
