"""Help while a line is typed, on every terminal, and none for programs."""

from __future__ import annotations

import pytest

from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import (
    ESC,
    PROMPT,
    connected,
    logged_in,
    terminal,
)


async def test_tab_completes_commands_and_names(server: TelnetServer) -> None:
    async with logged_in(server, terminal("vt100")) as client:
        await client.send("sh\tvariable gWebT\t\r")
        await client.until("After how long")


async def test_a_question_mark_shows_what_may_come_and_keeps_the_line(server: TelnetServer) -> None:
    async with logged_in(server, terminal("vt100")) as client:
        await client.send("show variable gWebT?")
        await client.until("After how long without a click")
        await client.send("imeout\r")
        await client.until("Right is")


async def test_tab_tells_why_a_value_would_be_refused_and_keeps_the_line(server: TelnetServer) -> None:
    async with logged_in(server, terminal("xterm")) as client:
        await client.send("set gWebTimeout 999999\t")
        await client.until("999999 is more than 1440")
        await client.until("from 0 to 1440")
        await client.until("callisto#")
        await client.send("\x7f" * 6 + "45\r")
        await client.until("is now")


@pytest.mark.parametrize("key", ["\t", "?"])
async def test_on_a_terminal_without_a_cursor_help_comes_in_place_too(
    server: TelnetServer, office: Office, key: str
) -> None:
    async with logged_in(server, terminal("dumb")) as client:
        await client.until(" ")
        await client.send("set gWebTimeout 999999")
        await client.until("999999")
        await client.send(key)
        assert b"999999 is more than 1440" in await client.until("callisto# set gWebTimeout 999999")
        await client.send("\x7f" * 6 + "45\r\n")
        await client.until(PROMPT)
        assert office.audit.said("command") == ["set gWebTimeout 45"]
        assert ESC not in client.seen


async def test_on_a_terminal_without_a_cursor_tab_completes(server: TelnetServer, office: Office) -> None:
    async with logged_in(server, terminal("dumb")) as client:
        await client.until(" ")
        await client.send("reset gwebt")
        await client.until("gwebt")
        await client.send("\t")
        assert (await client.until("gWebTimeout ")).startswith(b"\b \b" * 5)
        await client.send("\r\n")
        await client.until(PROMPT)
        assert office.audit.said("command") == ["reset gWebTimeout"]


async def test_what_a_program_sends_at_once_is_taken_as_it_is(server: TelnetServer, office: Office) -> None:
    async with logged_in(server, terminal("dumb")) as client:
        await client.until(" ")
        await client.send("reset gWebTimeout ?\r\nshow\tjobs\r\n")
        await client.until(PROMPT)
        await client.until(PROMPT)
        assert office.audit.said("command") == ["reset gWebTimeout ?", "show jobs"]


async def test_a_script_gets_no_help_in_place(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("dumb")) as client:
        await client.log_in("admin+s")
        await client.until(" ")
        await client.send("show jobs\t")
        await client.until("show jobs ")
        await client.send("\r\n")
        await client.until(PROMPT)
        assert office.audit.said("command") == ["show jobs"]
