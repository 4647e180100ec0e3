"""Words that only the store knows are offered while a line is typed, and nothing waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from db.errors import StoreUnavailableError
from shell.completion import suggest
from shell.registry import Argument, Command, Context
from shell.reply import Reply
from shell.term import Suggestion
from shell.vocabulary import Vocabulary
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import connected, eventually, serving, terminal
from tests.shell.test_session import context, run


async def nothing(_context: Context, _arguments: tuple[str, ...]) -> Reply:
    return Reply(())


async def colours(_context: Context) -> Sequence[Suggestion]:
    return [Suggestion("red", "as a rose"), Suggestion("blue", "")]


async def broken(_context: Context) -> Sequence[Suggestion]:
    raise StoreUnavailableError("gone")


async def endless(_context: Context) -> Sequence[Suggestion]:
    await asyncio.get_running_loop().create_future()
    return ()


COMMANDS = tuple(
    Command((word,), "", nothing, (Argument("WHAT", source=source),))
    for word, source in (("paint", colours), ("break", broken), ("wait", endless))
)


def offered(vocabulary: Vocabulary, typed: str) -> list[str]:
    return [suggestion.word for suggestion in suggest(COMMANDS, typed, vocabulary.known)]


async def test_words_of_a_source_are_offered_once_it_has_answered() -> None:
    vocabulary = Vocabulary(replace(context(Office()), commands=COMMANDS))
    assert offered(vocabulary, "paint ") == []
    vocabulary.refresh()
    await eventually(lambda: offered(vocabulary, "paint r") == ["red"], "asked")
    assert offered(vocabulary, "break ") == []
    await vocabulary.close()


async def test_one_source_that_is_broken_or_slow_keeps_no_other_back() -> None:
    vocabulary = Vocabulary(replace(context(Office()), commands=COMMANDS))
    async with asyncio.timeout(5):
        await vocabulary.ask()
    assert offered(vocabulary, "paint ") == ["red", "blue"]
    assert offered(vocabulary, "wait ") == []


async def test_tab_completes_the_number_of_a_change() -> None:
    office = Office()
    await run(office, "set gWebTimeout 30")
    async with serving(office) as server, connected(server, terminal("xterm")) as client:
        await client.log_in()
        await client.send("show jobs\r")
        await client.until("callisto#")
        await client.send("undo \t")
        await client.send("\r")
        await eventually(lambda: "undo 1" in office.audit.said("command"), "done")
