"""What an admin sees of the shell, in the Telnet clients of Debian."""

from __future__ import annotations

import asyncio

import pytest

from shell.telnet.server import TelnetServer
from tests import needs
from tests.fakes.shell_ports import Office
from tests.interop.telnet.clients import PLAIN, RICH, Client, log_in
from tests.interop.telnet.conftest import OpenScreen
from tests.shell.telnet.client import eventually


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_a_password_is_not_seen_and_exit_ends_the_client(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    await screen.shows("^Username:$")
    await screen.enter("admin")
    await screen.shows("^Password:$")
    await screen.enter("guessed-wrongly")
    refused = await screen.shows("^% Login incorrect$")
    assert "admin" in refused
    assert "guessed" not in refused
    seen = await log_in(screen)
    assert "secret" not in seen
    assert "System Variables" in seen
    await screen.enter("exit")
    assert await screen.ended() == client.goodbye
    await eventually(lambda: office.audit.said("logout") == ["logged out"], "the logout is noted")


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_keys_edit_the_line(server: TelnetServer, open_screen: OpenScreen, client: Client) -> None:
    screen = await client.open(open_screen, server)
    await log_in(screen)
    await screen.type("sh")
    await screen.press("Tab")
    await screen.type("varia")
    await screen.press("Tab")
    await screen.shows("^callisto# show variable")
    await screen.press("Space")
    await screen.type("gWebT")
    await screen.press("Tab")
    await screen.shows("^callisto# show variable gWebTimeout$")
    await screen.press("Enter")
    await screen.shows("^callisto#$")
    await screen.press("Up")
    await screen.shows(r"callisto# show variable gWebTimeout\Z")
    await screen.press("C-c")
    await screen.shows(r"^callisto#\Z")
    await screen.enter("Zürich 北京 é")
    await screen.shows("^% there is no command 'Zürich'$")
    await screen.type("Züü")
    await screen.press("BSpace")
    await screen.type("x")
    await screen.shows(r"^callisto# Züx\Z")


@pytest.mark.parametrize("client", RICH, ids=str)
async def test_a_window_that_grows_is_used_if_the_client_says_so(
    server: TelnetServer, open_screen: OpenScreen, client: Client
) -> None:
    screen = await client.open(open_screen, server, rows=14)
    await log_in(screen)
    await screen.enter("show variables")
    await screen.shows("more: Space")
    await screen.type("q")
    await screen.shows(r"^callisto#\Z")
    await screen.resize(132, 80)
    await screen.enter("show variables")
    if client.says_size:
        await screen.shows(r"(?s)show variables.*show variables.*gWebTimeout.*^callisto#\Z")
    else:
        await screen.shows(r"(?s)show variables.*show variables.*more: Space")


@pytest.mark.parametrize("client", PLAIN, ids=str)
async def test_a_client_that_knows_no_telnet_is_told_that_it_shows_the_password(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    warned = await screen.shows("^Username:")
    assert "Your client shows what is typed: the password too." in warned
    await screen.enter("admin")
    await screen.shows("Password:")
    await screen.enter("secret")
    seen = await screen.shows("^callisto# ?$")
    assert "secret" in seen
    await screen.enter("set gWebTimeout 33")
    await screen.shows("^(callisto# )?gWebTimeout is now 33")
    await screen.enter("Zürich")
    await screen.shows("% there is no command 'Zürich'$")
    await screen.enter("exit")
    await eventually(lambda: office.audit.said("logout") == ["logged out"], "the logout is noted")


@pytest.mark.parametrize("client", PLAIN, ids=str)
async def test_ctrl_c_ends_such_a_client_and_its_session(
    server: TelnetServer, open_screen: OpenScreen, office: Office, client: Client
) -> None:
    screen = await client.open(open_screen, server)
    await screen.shows("^Username:")
    await screen.enter("admin")
    await screen.shows("Password:")
    await screen.enter("secret")
    await screen.shows("^callisto# ?$")
    await screen.press("C-c")
    assert await screen.ended() != 0
    await eventually(lambda: server.facts()["sessions"] == 0, "the session has ended")
    assert office.audit.said("logout") == ["the client closed the connection"]


async def test_commands_sent_through_nc_are_answered(server: TelnetServer) -> None:
    """As docs/shell.md says."""
    program = needs.program("nc.openbsd", "netcat-openbsd")
    process = await asyncio.create_subprocess_exec(
        program, "-N", "127.0.0.1", str(server.port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(b"admin+s\nsecret\nshow variables | count\n"), 15)
    assert b"\ncallisto# 18\r\n" in out
    assert process.returncode == 0
