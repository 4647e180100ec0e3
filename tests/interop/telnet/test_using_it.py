"""Help in place, history, pages, and what goes on by itself: in real clients, as a person uses them."""

from __future__ import annotations

import pytest

from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.interop.telnet.clients import RICH, Client, log_in
from tests.interop.telnet.conftest import OpenScreen
from tests.shell.telnet.client import eventually

PROMPT = r"^callisto#\Z"


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_tab_and_question_mark_tell_why_a_value_is_refused_and_keep_the_line(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    await log_in(screen)
    for key in ("Tab", "?"):
        await screen.type("set gWebTimeout 999999")
        await screen.press(key)
        await screen.shows(r"(?s)from 0 to 1440, 0 for never.*^callisto# set gWebTimeout 999999\Z")
        await screen.press("C-c")
        await screen.shows(PROMPT)
        await screen.enter("menu")
        await screen.shows(PROMPT)
    assert (await office.variables.get("gWebTimeout")).value == "20"
    assert office.audit.said("command") == ["menu", "menu"]


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_ctrl_r_finds_a_command_of_this_session_again(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    await log_in(screen)
    for line in ("set gWebTimeout 33", "show jobs", "show clock"):
        await screen.enter(line)
        await eventually(lambda said=line: said in office.audit.said("command"), line)
        await screen.shows(PROMPT)
    await screen.press("C-r")
    await screen.type("webt")
    await screen.shows(r"reverse.*webt")
    await screen.press("Enter")
    await screen.shows(r"^callisto# set gWebTimeout 33")
    await screen.press("Enter")
    await eventually(lambda: office.audit.said("command").count("set gWebTimeout 33") == 2, "done again")


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_long_help_is_read_a_screen_at_a_time_and_searched(
    server: TelnetServer, open_screen: OpenScreen, client: Client
) -> None:
    screen = await client.open(open_screen, server, rows=14)
    await log_in(screen)
    await screen.enter("help")
    await screen.shows(r"more: Space a screen")
    await screen.type("/")
    await screen.enter("show calls")
    await screen.shows(r"(?s)^  show calls .*more: Space")
    await screen.type("q")
    await screen.shows(PROMPT)
    await screen.enter("terminal length 0")
    await screen.enter("help")
    seen = await screen.shows(r"(?s)Words may be shortened.*^callisto#\Z")
    assert "more: Space" not in seen.rpartition("terminal length 0")[2]


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_what_is_watched_is_drawn_anew_until_a_key(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    await log_in(screen)
    await screen.enter("watch 1 show variables | match gWebTimeout")
    await screen.shows(r"(?s)every 1 s: show variables.*20 min.*default")
    await screen.resize(100, 30)
    await office.variables.set("gWebTimeout", "45", next(iter(office.audit.notes)).actor)
    await screen.shows(r"any key ends\ngWebTimeout +45 [^\n]*\Z")
    await screen.press("C-c")
    await screen.shows(r"^callisto#\Z")
    await screen.enter("show jobs")
    await screen.shows(r"(?s)show jobs.*^callisto#\Z")


async def test_a_terminal_without_a_cursor_has_help_in_place_too(
    server: TelnetServer, open_screen: OpenScreen, office: Office
) -> None:
    screen = await open_screen("env", "TERM=dumb", "inetutils-telnet", "127.0.0.1", str(server.port), rows=40)
    await screen.shows("^Username:$")
    await screen.enter("admin")
    await screen.shows("^Password:$")
    await screen.enter("secret")
    await screen.shows(PROMPT)
    await screen.type("sh")
    await screen.press("Tab")
    await screen.type("call")
    await screen.type("?")
    await screen.shows(r"(?s)^  calls +The latest calls.*^callisto# show call\Z")
    await screen.press("C-u")
    await screen.enter("set gWebTimeout 44 confirm 5")
    await screen.shows("else it is undone at")
    await screen.enter("confirm")
    await screen.shows("Change 1 is kept: set gWebTimeout 44.")
    assert not await office.variables.waiting()
