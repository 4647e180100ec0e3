"""Two front ends on real sockets: who gets which, what is echoed, and what each can do."""

from __future__ import annotations

import pytest

from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import (
    DO,
    ECHO,
    ESC,
    IAC,
    LIMITS,
    PROMPT,
    REFUSES_ALL,
    SGA,
    TTYPE,
    WILL,
    connected,
    eventually,
    logged_in,
    serving,
    sub,
    terminal,
)


async def test_a_client_that_answers_nothing_gets_plain_lines_without_echo(server: TelnetServer) -> None:
    async with logged_in(server) as client:
        assert b"Your client shows what is typed" in client.seen
        await client.until(" ")
        await client.send("show variable gWebTimeout\n")
        assert (await client.until(PROMPT)).startswith(b"gWebTimeout\r\n")
        assert ESC not in client.seen


async def test_a_client_that_refuses_every_option_finds_its_lines_echoed_but_no_password(
    server: TelnetServer,
) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send("admin\r\n")
        assert (await client.until("Password: ")).startswith(b"admin\r\n")
        await client.send("secret\r\n")
        await client.until(PROMPT)
        await client.send("show jobs\r\n")
        assert (await client.until(PROMPT)).startswith(b"show jobs\r\n")
        assert b"secret" not in client.seen
        assert ESC not in client.seen


@pytest.mark.parametrize("name", ["dumb", "DUMB", "unknown", "network"])
async def test_a_terminal_that_can_do_nothing_is_never_sent_an_escape(
    server: TelnetServer, name: str
) -> None:
    async with logged_in(server, terminal(name)) as client:
        await client.until(" ")
        assert "OK" in await client.command("show info")
        assert ESC not in client.seen


@pytest.mark.parametrize("name", ["xterm-256color", "XTERM", "vt100", "linux"])
async def test_a_terminal_with_a_cursor_gets_the_rich_front_end(server: TelnetServer, name: str) -> None:
    async with logged_in(server, terminal(name)) as client:
        assert b"\x1b[2J" in client.seen
        assert server.facts()["rich"] == 1
        await client.send("exit\r")
        await client.closed()
    await eventually(lambda: server.facts()["rich"] == 0, "its place is free again")


async def test_a_name_that_is_no_terminal_name_is_ignored(server: TelnetServer) -> None:
    first = IAC + WILL + TTYPE + sub(TTYPE, b"\0xterm\x1b]0;pwned\x07") + IAC + DO + SGA + IAC + DO + ECHO
    async with logged_in(server, first) as client:
        await client.until(" ")
        await client.command("show info")
        assert ESC not in client.seen


async def test_the_suffix_of_scripts_gives_plain_lines_on_any_terminal(server: TelnetServer) -> None:
    async with connected(server, terminal("xterm")) as client:
        seen = await client.log_in("admin+s")
        assert b"System Variables" not in seen
        await client.until(" ")
        answer = await client.command("show variables")
        assert answer.count("\n") == 18
        assert ESC not in client.seen


async def test_without_a_rich_place_left_lines_are_served(office: Office) -> None:
    limits = type(LIMITS)(negotiation_s=0.3, rich=1)
    async with serving(office, limits) as server, connected(server, terminal("xterm")) as first:
        await first.log_in()
        async with connected(server, terminal("xterm")) as second:
            await second.log_in()
            await second.until(" ")
            assert "OK" in await second.command("show info")
            assert ESC not in second.seen


async def test_commands_typed_ahead_of_the_prompt_are_all_done(server: TelnetServer) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.send("admin\r\nsecret\r\nset gWebTimeout 30\r\nshow variable gWebTimeout\r\nexit\r\n")
        seen = (await client.closed()).decode(errors="replace")
    assert "gWebTimeout is now 30 min" in seen
    assert "20 -> 30 by admin" in seen


async def test_commands_through_a_pipe_that_ends_are_done_and_answered(server: TelnetServer) -> None:
    """`printf … | nc`; the last line has no end."""
    async with connected(server) as client:
        await client.send("admin\nsecret\nset gWebTimeout 30\nshow variable gWebT")
        client.no_more()
        seen = (await client.closed()).decode(errors="replace")
    assert "gWebTimeout is now 30 min" in seen
    assert "20 -> 30 by admin" in seen


@pytest.mark.parametrize("end", [b"\r\n", b"\r\0", b"\n", b"\r"])
async def test_every_end_of_a_line_is_one_enter(server: TelnetServer, end: bytes) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send(b"admin" + end)
        await client.until("Password: ")
        await client.send(b"secret" + end)
        await client.until(PROMPT)
        await client.send(b"help undo" + end + b"exit" + end)
        assert (await client.closed()).count(PROMPT) == 1


async def test_a_line_can_be_edited_without_a_cursor(server: TelnetServer) -> None:
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        await client.send("rubbish\x15shaw\x7f\x08ow\x1b[A variable gWebTimeout\r")
        assert b"Default" in await client.until(PROMPT)


async def test_a_line_that_is_too_long_is_not_done(server: TelnetServer) -> None:
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        await client.send("set gTimeServer a.example" + " " * 2000 + "\r\n")
        assert b"% the line has more than 1024 characters; nothing was done" in await client.until(PROMPT)
        assert "pool.ntp.org" in await client.command("show variable gTimeServer")


async def test_ctrl_c_gives_a_new_prompt_and_ctrl_d_leaves(server: TelnetServer) -> None:
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        await client.send("set gWebTimeout 1\x03")
        assert (await client.until(PROMPT)).endswith(b"^C\r\ncallisto# ")
        await client.send("\x04")
        await client.closed()


@pytest.mark.parametrize(
    ("command", "does"),
    [(b"\xf4", b"^C\r\ncallisto# "), (b"\xf3", b"^C\r\ncallisto# "), (b"\xf6", b"[Yes]")],
    ids=["interrupt process", "break", "are you there"],
)
async def test_telnet_commands_stand_for_keys(server: TelnetServer, command: bytes, does: bytes) -> None:
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        await client.send(b"abc" + IAC + command)
        await client.until(does)


async def test_erasing_by_telnet_commands_edits_the_line(server: TelnetServer) -> None:
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        await client.send(b"rubbish" + IAC + b"\xf8" + b"help undoo" + IAC + b"\xf7" + b"\r\n")
        assert b"Take back a change." in await client.until(PROMPT)


async def test_a_synch_loses_no_byte_of_what_follows(server: TelnetServer) -> None:
    """Its mark is urgent data: the kernel would take it away and join its IAC to the next command's."""
    async with logged_in(server, REFUSES_ALL) as client:
        await client.until(" ")
        client.urgent(IAC + b"\xf2")
        await client.send(IAC + b"\xf4")
        await client.until("^C\r\ncallisto# ")
