"""The rich front end on real sockets: letter by letter, with a screen and a history."""

from __future__ import annotations

from contextlib import suppress

import pytest

from db.variables.states import Actor
from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import STATUS, Office
from tests.shell.telnet.client import (
    PROMPT,
    REFUSES_ALL,
    connected,
    eventually,
    logged_in,
    naws,
    terminal,
)


async def test_a_rich_line_that_is_too_long_is_not_done(server: TelnetServer) -> None:
    async with logged_in(server, terminal("vt100")) as client:
        await client.send("set gTimeServer a.example" + " " * 1100 + "\r")
        await client.until("% the line has more than 1024 characters; nothing was done")


@pytest.mark.parametrize("name", ["xterm-256color", "xterm", "vt100"])
async def test_the_rich_prompt_is_sent_letter_by_letter(server: TelnetServer, name: str) -> None:
    """Scripts wait for it with its blank, which prompt_toolkit would replace by a movement of the cursor."""
    async with logged_in(server, terminal(name)) as client:
        assert PROMPT in client.seen + await client.until(" ")
        await client.send("help undo\r")
        await client.until("Take back a change.")
        await client.until(PROMPT)


async def test_the_arrow_brings_the_last_command_back(server: TelnetServer, office: Office) -> None:
    async with logged_in(server, terminal("xterm")) as client:
        await client.send("help undo\r")
        await client.until("Take back a change.")
        await client.send("\x1b[A\r")
        await client.until("Take back a change.")
    assert office.audit.said("command") == ["help undo", "help undo"]


async def test_the_rich_prompt_takes_ctrl_c_and_ctrl_d(server: TelnetServer, office: Office) -> None:
    async with logged_in(server, terminal("xterm")) as client:
        await client.send("set gWebTimeout 1\x03")
        await client.until("callisto#")
        await client.send("\x04")
        await client.closed()
    assert office.audit.said("command") == []
    assert office.audit.said("logout") == ["logged out"]


async def test_keys_typed_ahead_of_the_rich_prompt_are_not_lost(server: TelnetServer) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.until("Username: ")
        await client.send("admin\rsecret\rset gWebTimeout 30\rshow variable gWebTimeout\rexit\r")
        seen = await client.closed()
    assert b"20 -> 30 by admin" in seen


async def test_long_output_stops_at_the_end_of_the_screen(server: TelnetServer) -> None:
    async with logged_in(server, terminal("vt100") + naws(80, 10)) as client:
        await client.send("show variables\r")
        assert b"gWebTimeout" not in await client.until("more: Space")
        await client.send("q")
        await client.until("callisto#")
        assert b"gWebTimeout" not in client.seen


async def test_a_window_that_grows_is_used(server: TelnetServer) -> None:
    async with logged_in(server, terminal("vt100") + naws(80, 10)) as client:
        await client.send(naws(120, 60) + b"show variables\r")
        assert b"more: Space" not in await client.until("gWebTimeout")


async def test_a_window_of_no_or_absurd_size_does_no_harm(server: TelnetServer) -> None:
    for size in ((0, 0), (1, 1), (65535, 65535)):
        async with connected(server, terminal("xterm") + naws(*size)) as client:
            await client.log_in()
            await client.send("help undo\r   ")
            await client.until("Take")


async def test_colour_is_for_terminals_that_have_it(server: TelnetServer) -> None:
    for name, coloured in (("xterm-256color", True), ("vt100", False)):
        async with connected(server, terminal(name)) as client:
            await client.log_in()
            assert (b"\x1b[1;37;44m" in client.seen) is coloured


async def test_what_is_typed_cannot_steer_a_screen(server: TelnetServer, office: Office) -> None:
    for first in (terminal("vt100"), REFUSES_ALL):
        async with connected(server, first) as client:
            await client.log_in()
            await client.send("show x\u202ey\u2028\x9b31m\r")
            await client.until("no command")
            assert not {"\u202e", "\u2028", "\x9b"} & set(client.seen.decode(errors="replace"))
    assert office.audit.said("command") == ["show x\ufffdy\ufffd\ufffd31m"] * 2


async def test_what_is_in_the_store_cannot_steer_a_screen(server: TelnetServer, office: Office) -> None:
    evil = Actor("\x1b]0;pwned\x07", "\u202e", "web")
    await office.variables.set("gWebTimeout", "30", evil)
    await office.audit.note(evil, "login\x1b[2J", "\r\n% forged")
    office.system.now = STATUS | {"edition": "\x1b[31m", "host": {"hostname": "\x9b2J"}}
    for first in (terminal("dumb"), REFUSES_ALL):
        async with connected(server, first) as client:
            await client.log_in("admin+s")
            await client.until(" ")
            for command in ("show variables", "show history", "show audit", "show info", "show info | json"):
                assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(await client.command(command))
            assert "^[]0;pwned^G" in client.seen.decode(errors="replace")
            assert "\n% forged" not in client.seen.decode(errors="replace")


@pytest.mark.parametrize(
    "keys",
    [
        "\x1b[31m",
        "\x1b[<0;1",
        "\x1b[M",
        "\x1b[<1;1;1M",
        "\x1b[200~",
        "\x18\x05",
        "\x1b!",
        "\x16\x1b[M",
        "\x1a\x1c",
    ],
    ids=repr,
)
async def test_keys_that_no_keyboard_makes_end_no_session(server: TelnetServer, keys: str) -> None:
    async with logged_in(server, terminal("xterm")) as client:
        await client.send(keys + "\x1b[201~\x07\x03")
        for _ in range(8):  # keys that come together with those are dropped with them
            await client.send("\r\x03help undo\r")
            with suppress(TimeoutError):
                await client.until("Take back a change.", 1)
                return
        pytest.fail("no command is done any more")


async def test_ctrl_r_finds_an_earlier_command(server: TelnetServer, office: Office) -> None:
    async with logged_in(server, terminal("xterm")) as client:
        for line in ("set gWebTimeout 33", "show jobs"):
            await client.send(f"{line}\r")
            await client.until("callisto#")
        await client.send("\x12")
        await client.until("reverse-i-search")
        await client.send("webt")
        await client.until("imeout 33\x1b")  # what was typed stands out before it
        await client.send("\r\r")
        await eventually(lambda: office.audit.said("command").count("set gWebTimeout 33") == 2, "found again")
