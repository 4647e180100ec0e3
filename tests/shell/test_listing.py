"""Long answers that are made while they are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from shell.listing import STOPPED, show_listing
from shell.pipes import parse_pipes, through
from shell.reply import Reply
from tests.fakes.shell_ports import CTRL_C, ScriptedTerm

WITHIN = 5.0


async def blocks(*sizes: int) -> AsyncGenerator[Reply, None]:
    number = 0
    for size in sizes:
        numbers = range(number, number + size)
        yield Reply(tuple(f"line {n}" for n in numbers), [{"n": n} for n in numbers])
        number += size


@pytest.mark.parametrize(
    "tail",
    [
        "match 1",
        "except 1",
        "begin 3",
        "match line | except 2",
        "begin 2 | match 1",
        "count",
        "match 1 | count",
    ],
)
@pytest.mark.parametrize("sizes", [(25,), (3, 0, 20, 2), (1,) * 25])
async def test_filters_see_no_blocks(tail: str, sizes: tuple[int, ...]) -> None:
    term, pipes = ScriptedTerm(), parse_pipes(tail)
    await show_listing(term, blocks(*sizes), pipes)
    whole = Reply(tuple(f"line {n}" for n in range(25)), list(range(25)))
    assert tuple(term.lines) == through(whole, pipes)


@pytest.mark.parametrize("sizes", [(), (0, 0), (3, 0, 2)])
async def test_json_is_one_list(sizes: tuple[int, ...]) -> None:
    term = ScriptedTerm()
    await show_listing(term, blocks(*sizes), parse_pipes("json"))
    assert json.loads(term.shown) == [{"n": n} for n in range(sum(sizes))]


async def test_a_screen_at_a_time_and_no_more_than_is_read() -> None:
    made: list[int] = []

    async def counted() -> AsyncGenerator[Reply, None]:
        for number in range(1000):
            made.append(number)
            yield Reply((f"line {number}",))

    term = ScriptedTerm(rich=True, rows=10, keys=" q")
    await show_listing(term, counted(), ())
    assert [line for line in term.shown.splitlines() if "more" not in line] == [
        f"line {n}" for n in range(18)
    ]
    assert len(made) < 30


async def test_ctrl_c_stops_it_on_a_line_terminal() -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncGenerator[Reply, None]:
        while True:
            yield Reply(("line",))
            begun.set()
            await asyncio.sleep(0)

    term = ScriptedTerm()
    showing = asyncio.create_task(show_listing(term, endless(), ()))
    await asyncio.wait_for(begun.wait(), WITHIN)
    term.press(CTRL_C)
    await asyncio.wait_for(showing, WITHIN)
    assert term.lines[-1] == STOPPED


async def test_what_goes_wrong_in_the_middle_is_raised() -> None:
    async def failing() -> AsyncGenerator[Reply, None]:
        yield Reply(("line",))
        raise KeyError("gone")

    with pytest.raises(KeyError):
        await show_listing(ScriptedTerm(), failing(), ())
