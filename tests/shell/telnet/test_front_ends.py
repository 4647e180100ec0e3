"""Two front ends on real sockets: who gets which, what is echoed, and what each can do."""

from __future__ import annotations

from contextlib import suppress

import pytest

from db.variables.states import Actor
from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import STATUS, Office
from tests.shell.telnet.client import (
    DO,
    ECHO,
    IAC,
    LIMITS,
    PROMPT,
    REFUSES_ALL,
    SGA,
    TTYPE,
    WILL,
    connected,
    eventually,
    naws,
    serving,
    sub,
    terminal,
)

ESC = b"\x1b"


async def test_a_client_that_answers_nothing_gets_plain_lines_without_echo(server: TelnetServer) -> None:
    async with connected(server) as client:
        await client.log_in()
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
    async with connected(server, terminal(name)) as client:
        await client.log_in()
        await client.until(" ")
        assert "OK" in await client.command("show info")
        assert ESC not in client.seen


@pytest.mark.parametrize("name", ["xterm-256color", "XTERM", "vt100", "linux"])
async def test_a_terminal_with_a_cursor_gets_the_rich_front_end(server: TelnetServer, name: str) -> None:
    async with connected(server, terminal(name)) as client:
        await client.log_in()
        assert b"\x1b[2J" in client.seen
        assert server.facts()["rich"] == 1
        await client.send("exit\r")
        await client.closed()
    await eventually(lambda: server.facts()["rich"] == 0, "its place is free again")


async def test_a_name_that_is_no_terminal_name_is_ignored(server: TelnetServer) -> None:
    first = IAC + WILL + TTYPE + sub(TTYPE, b"\0xterm\x1b]0;pwned\x07") + IAC + DO + SGA + IAC + DO + ECHO
    async with connected(server, first) as client:
        await client.log_in()
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
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        await client.send("rubbish\x15shaw\x7f\x08ow\x1b[A variable gWebTimeout\r")
        assert b"Default" in await client.until(PROMPT)


async def test_a_line_that_is_too_long_is_not_done(server: TelnetServer) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        await client.send("set gTimeServer a.example" + " " * 2000 + "\r\n")
        assert b"% the line has more than 1024 characters; nothing was done" in await client.until(PROMPT)
        assert "pool.ntp.org" in await client.command("show variable gTimeServer")


async def test_a_rich_line_that_is_too_long_is_not_done(server: TelnetServer) -> None:
    async with connected(server, terminal("vt100")) as client:
        await client.log_in()
        await client.send("set gTimeServer a.example" + " " * 1100 + "\r")
        await client.until("% the line has more than 1024 characters; nothing was done")


async def test_ctrl_c_gives_a_new_prompt_and_ctrl_d_leaves(server: TelnetServer) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
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
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        await client.send(b"abc" + IAC + command)
        await client.until(does)


async def test_erasing_by_telnet_commands_edits_the_line(server: TelnetServer) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        await client.send(b"rubbish" + IAC + b"\xf8" + b"help undoo" + IAC + b"\xf7" + b"\r\n")
        assert b"Take back a change." in await client.until(PROMPT)


async def test_a_synch_loses_no_byte_of_what_follows(server: TelnetServer) -> None:
    """Its mark is urgent data: the kernel would take it away and join its IAC to the next command's."""
    async with connected(server, REFUSES_ALL) as client:
        await client.log_in()
        await client.until(" ")
        client.urgent(IAC + b"\xf2")
        await client.send(IAC + b"\xf4")
        await client.until("^C\r\ncallisto# ")


@pytest.mark.parametrize("name", ["xterm-256color", "xterm", "vt100"])
async def test_the_rich_prompt_is_sent_letter_by_letter(server: TelnetServer, name: str) -> None:
    """Scripts wait for it with its blank, which prompt_toolkit would replace by a movement of the cursor."""
    async with connected(server, terminal(name)) as client:
        await client.log_in()
        assert PROMPT in client.seen + await client.until(" ")
        await client.send("help undo\r")
        await client.until("Take back a change.")
        await client.until(PROMPT)


async def test_tab_completes_commands_and_names(server: TelnetServer) -> None:
    async with connected(server, terminal("vt100")) as client:
        await client.log_in()
        await client.send("sh\tvariable gWebT\t\r")
        await client.until("After how long")


async def test_a_question_mark_shows_what_may_come_and_keeps_the_line(server: TelnetServer) -> None:
    async with connected(server, terminal("vt100")) as client:
        await client.log_in()
        await client.send("show variable gWebT?")
        await client.until("After how long without a click")
        await client.send("imeout\r")
        await client.until("Right is")


async def test_the_arrow_brings_the_last_command_back(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
        await client.send("help undo\r")
        await client.until("Take back a change.")
        await client.send("\x1b[A\r")
        await client.until("Take back a change.")
    assert office.audit.said("command") == ["help undo", "help undo"]


async def test_the_rich_prompt_takes_ctrl_c_and_ctrl_d(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
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
    async with connected(server, terminal("vt100") + naws(80, 10)) as client:
        await client.log_in()
        await client.send("show variables\r")
        assert b"gWebTimeout" not in await client.until("more: Space")
        await client.send("q")
        await client.until("callisto#")
        assert b"gWebTimeout" not in client.seen


async def test_a_window_that_grows_is_used(server: TelnetServer) -> None:
    async with connected(server, terminal("vt100") + naws(80, 10)) as client:
        await client.log_in()
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
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
        await client.send(keys + "\x1b[201~\x07\x03")
        for _ in range(8):  # keys that come together with those are dropped with them
            await client.send("\r\x03help undo\r")
            with suppress(TimeoutError):
                await client.until("Take back a change.", 1)
                return
        pytest.fail("no command is done any more")


async def test_tab_tells_why_a_value_would_be_refused_and_keeps_the_line(server: TelnetServer) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
        await client.send("set gWebTimeout 999999\t")
        await client.until("999999 is more than 1440")
        await client.until("from 0 to 1440")
        await client.until("callisto#")
        await client.send("\x7f" * 6 + "45\r")
        await client.until("is now")


async def test_ctrl_r_finds_an_earlier_command(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("xterm")) as client:
        await client.log_in()
        for line in ("set gWebTimeout 33", "show jobs"):
            await client.send(f"{line}\r")
            await client.until("callisto#")
        await client.send("\x12")
        await client.until("reverse-i-search")
        await client.send("webt")
        await client.until("imeout 33\x1b")  # what was typed stands out before it
        await client.send("\r\r")
        await eventually(lambda: office.audit.said("command").count("set gWebTimeout 33") == 2, "found again")


@pytest.mark.parametrize("key", ["\t", "?"])
async def test_on_a_terminal_without_a_cursor_help_comes_in_place_too(
    server: TelnetServer, office: Office, key: str
) -> None:
    async with connected(server, terminal("dumb")) as client:
        await client.log_in()
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
    async with connected(server, terminal("dumb")) as client:
        await client.log_in()
        await client.until(" ")
        await client.send("reset gwebt")
        await client.until("gwebt")
        await client.send("\t")
        assert (await client.until("gWebTimeout ")).startswith(b"\b \b" * 5)
        await client.send("\r\n")
        await client.until(PROMPT)
        assert office.audit.said("command") == ["reset gWebTimeout"]


async def test_what_a_program_sends_at_once_is_taken_as_it_is(server: TelnetServer, office: Office) -> None:
    async with connected(server, terminal("dumb")) as client:
        await client.log_in()
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
