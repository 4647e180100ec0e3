"""Telnet over TLS: the same shell for those who shake hands."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pexpect
import pytest

from appliance.checks.probes import NoAnswerError, telnet_greeting
from shell.telnet.networks import Networks
from shell.telnet.server import start
from shell.telnet.tls import Tls, server_context
from tests import needs
from tests.fakes.shell_ports import Office
from tests.shell.telnet.client import (
    LIMITS,
    REFUSES_ALL,
    WITHIN,
    connected,
    eventually,
    terminal,
)
from tests.shell.telnet.tls_house import HELLO, encrypted, house, made, nobody_shakes, stranger


@pytest.mark.parametrize(
    ("first", "front_end"),
    [(terminal("xterm-256color"), "rich"), (REFUSES_ALL, "line")],
    ids=["rich", "line"],
)
async def test_the_same_shell_is_behind_tls(pair: tuple[Path, Path], first: bytes, front_end: str) -> None:
    async with house(pair) as here, encrypted(here, first) as client:
        await client.log_in()
        assert b"This connection is encrypted (TLSv1.3)." in client.seen
        (state,) = here.server.people.all()
        assert (state.encryption, state.front_end) == ("TLSv1.3", front_end)
        await client.send("set gWebTimeout 30\r")
        await client.until("gWebTimeout is now")
        await client.send("exit\r")
        await client.closed()
        await eventually(lambda: not here.server.people.all(), "the session has ended")
        assert here.office.audit.said("logout") == ["logged out"]


@pytest.mark.parametrize("first", [terminal("xterm-256color"), REFUSES_ALL], ids=["rich", "line"])
async def test_what_goes_on_by_itself_is_seen_behind_tls(pair: tuple[Path, Path], first: bytes) -> None:
    """It is written when what was written before is gone; asyncio's TLS has its own idea of that."""
    async with house(pair) as here, encrypted(here, first) as client:
        await client.log_in()
        await client.send("watch 1 show jobs\r")
        for _ in range(3):
            await client.until("Restart ")
        await client.send("\x03")
        await client.until("callisto#")


async def test_plain_telnet_says_that_it_is_plain_and_may_be_switched_off(pair: tuple[Path, Path]) -> None:
    async with house(pair) as here, connected(here.server) as client:
        assert b"This connection is not encrypted." in await client.until("Username: ")
    async with house(pair, plain=False) as here, encrypted(here) as client:
        assert here.server.port == 0
        await client.until("Username: ")


async def test_a_banner_comes_before_the_login_and_steers_no_screen(pair: tuple[Path, Path]) -> None:
    async with house(pair, banner="Muster AG\nAll is \x1b[31mnoted.") as here:
        async with encrypted(here) as client:
            assert b"\r\nMuster AG\r\nAll is ^[[31mnoted.\r\n\r\nCallisto" in await client.until("Username: ")
        async with connected(here.server) as client:
            assert b"Muster AG" in await client.until("Username: ")


async def test_who_comes_from_elsewhere_is_refused_at_both_doors_and_counted(pair: tuple[Path, Path]) -> None:
    async with house(pair, networks=Networks.of(["10.0.0.0/8"])) as here:
        async with connected(here.server) as client:
            assert b"not allowed here" in await client.closed()
        async with stranger(here, HELLO) as client:
            assert await client.closed() == b""
        facts = here.server.facts()
        assert (facts["outside"], facts["refused"], facts["accepted"]) == (2, 2, 0)


async def test_the_limits_count_both_doors(pair: tuple[Path, Path]) -> None:
    limits = replace(LIMITS, per_address=2)
    async with house(pair, limits) as here, connected(here.server) as one, encrypted(here) as two:
        await one.until("Username: ")
        await two.until("Username: ")
        async with connected(here.server) as third:
            assert b"Too many sessions from your address" in await third.closed()
        async with stranger(here, HELLO) as third:
            assert await third.closed() == b""


async def test_old_versions_of_tls_are_refused(pair: tuple[Path, Path]) -> None:
    context = server_context(*pair)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with house(pair) as here:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", here.server.tls_port, ssl=old)
        await nobody_shakes(here)


async def test_a_new_certificate_counts_for_the_next_one_who_comes(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    async with house(pair) as here, encrypted(here, REFUSES_ALL) as before:
        await before.log_in()
        await before.until(" ")
        here.certificate, here.key = made(tmp_path)
        here.context = server_context(here.certificate, here.key)
        async with encrypted(here) as after:
            await after.until("Username: ")
            peer = after._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        der = ssl.PEM_cert_to_DER_cert(here.certificate.read_text())
        assert sha256(peer).digest() == sha256(der).digest()
        assert "gWebTimeout" in await before.command("show variables")


async def test_the_self_test_finds_the_login_behind_tls_and_the_fingerprint_is_shown(
    pair: tuple[Path, Path],
) -> None:
    async with house(pair) as here:
        assert "Username" in await telnet_greeting("127.0.0.1", here.server.tls_port, tls=True)
        with pytest.raises(NoAnswerError):
            await telnet_greeting("127.0.0.1", here.server.port, tls=True)
        async with encrypted(here, REFUSES_ALL) as client:
            await client.log_in("admin+s")
            await client.until(" ")
            shown = await client.command("show info")
            port = here.server.tls_port
            assert f"Telnet over TLS, port {port}: SHA-256 of the certificate\n  abcd" in shown


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(pair: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        tls = Tls(taken.getsockname()[1], lambda: server_context(*pair))
        with pytest.raises(OSError, match="in use"):
            await start("127.0.0.1", 0, Office().services(), LIMITS, tls=tls)


# Programs that people use


async def test_openssl_opens_a_session(pair: tuple[Path, Path]) -> None:
    async with house(pair) as here:
        command = [needs.program("openssl"), "s_client", "-quiet", "-verify_return_error"]
        where = ["-CAfile", str(here.certificate), "-connect", f"127.0.0.1:{here.server.tls_port}"]
        client = await asyncio.create_subprocess_exec(
            *command, *where, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        said = b"admin+s\nsecret\nshow variable gWebTimeout\nexit\n"
        shown, _ = await asyncio.wait_for(client.communicate(said), WITHIN)
        assert b"20 min" in shown
        assert here.office.audit.said("logout") == ["logged out"]


async def test_telnet_ssl_opens_a_rich_session_and_shows_no_password(pair: tuple[Path, Path]) -> None:
    program = needs.program("telnet-ssl")
    async with house(pair) as here:
        command = f"{program} -z ssl -z verify=0 127.0.0.1 {here.server.tls_port}"
        shown = await asyncio.to_thread(by_hand, command)
        assert "secret" not in shown
        assert "encrypted (TLSv1." in shown
        assert (await here.office.variables.get("gWebTimeout")).value == "30"


def by_hand(command: str) -> str:
    client = pexpect.spawn(
        command, encoding="utf-8", timeout=WITHIN, env=os.environ | {"TERM": "xterm-256color"}
    )
    client.setwinsize(24, 80)
    shown = ""
    for wanted, answer in [
        ("Username: ", "admin"),
        ("Password: ", "secret"),
        ("callisto#", "set gWebTi\t30"),
        ("gWebTimeout is now", ""),
        ("callisto#", "exit"),
    ]:
        client.expect(wanted)
        shown += str(client.before)
        if answer:
            client.sendline(answer)
    client.expect(pexpect.EOF)
    client.close()
    return shown
