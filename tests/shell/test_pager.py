from __future__ import annotations

from shell.pager import page
from shell.term import plain
from tests.fakes.shell_ports import ScriptedTerm

LINES = [f"line {n}" for n in range(1, 31)]


def shown(term: ScriptedTerm) -> list[str]:
    return [plain(line) for line in term.lines]


async def test_a_line_terminal_gets_everything_at_once() -> None:
    term = ScriptedTerm(rows=10)
    await page(term, LINES)
    assert shown(term) == LINES


async def test_a_rich_terminal_gets_a_screen_and_asks() -> None:
    term = ScriptedTerm(rich=True, rows=10, keys="q")
    await page(term, LINES)
    assert shown(term)[:-1] == LINES[:9]
    assert "more" in shown(term)[-1]


async def test_space_is_a_screen_and_enter_a_line() -> None:
    term = ScriptedTerm(rich=True, rows=10, keys="\r   ")
    await page(term, LINES)
    lines = shown(term)
    assert [line for line in lines if "more" not in line] == LINES
    assert [index for index, line in enumerate(lines) if "more" in line] == [9, 11, 21, 31]


async def test_output_that_fits_asks_nothing() -> None:
    term = ScriptedTerm(rich=True, rows=31)
    await page(term, LINES)
    assert shown(term) == LINES


async def test_lines_that_wrap_and_lines_above_count() -> None:
    term = ScriptedTerm(rich=True, rows=10, columns=20, keys="q")
    await page(term, ["x" * 50] * 5, above=2)
    assert len(shown(term)) == 3


async def test_a_line_higher_than_the_screen_is_shown_all_the_same() -> None:
    term = ScriptedTerm(rich=True, rows=4, columns=20, keys="\r\r\r\r")
    await page(term, ["x" * 200] * 3)
    assert [line for line in shown(term) if "more" not in line] == ["x" * 200] * 3


async def test_a_search_goes_on_at_the_line_that_was_meant_and_n_at_the_next() -> None:
    term = ScriptedTerm("LINE 2", rich=True, rows=5, keys="/nq")
    await page(term, LINES)
    lines = [line for line in shown(term) if "more" not in line]
    assert lines == [*LINES[:4], "/LINE 2", *LINES[19:23], *LINES[23:27]]


async def test_what_is_not_there_is_said_and_nothing_is_lost() -> None:
    term = ScriptedTerm("nowhere", rich=True, rows=5, keys="/ q")
    await page(term, LINES)
    assert any("not found below: nowhere" in line for line in shown(term))
    assert [line for line in shown(term) if "more" not in line] == [*LINES[:4], "/nowhere", *LINES[4:8]]
