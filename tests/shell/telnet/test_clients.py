"""The clients that people and programs really use, in a terminal of their own."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from typing import Any

import pexpect
import pytest

from shell.telnet.server import TelnetServer
from tests import needs
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import Office

WITHIN = 15


def spawn(command: str, port: int, term: str) -> Any:
    environ = os.environ | {"TERM": term, "LANG": "C.UTF-8"}
    client = pexpect.spawn(f"{command} 127.0.0.1 {port}", encoding="utf-8", timeout=WITHIN, env=environ)
    client.setwinsize(24, 80)
    return client


def log_in(client: Any, user: str = "admin") -> None:
    client.expect("Username: ")
    client.sendline(user)
    client.expect("Password: ")
    client.sendline("secret")
    client.expect("callisto# ")


def change_by_command(client: Any) -> str:
    """Ends the session; what the screen showed."""
    log_in(client)
    client.sendline("set gWebServerRestart sun,wed 02:00")
    client.expect(r"gWebServerRestart is now [^\r]*\r")
    said = str(client.after)
    client.expect("callisto# ")
    client.sendline("exit")
    client.expect(pexpect.EOF)
    return said


def change_by_numbers(client: Any) -> None:
    log_in(client)
    client.sendline(number_of("System Variables"))
    client.expect("0 to go back: ")
    client.sendline("gWebTimeout")
    client.expect("Number, 0 to go back: ")
    client.sendline("1")
    client.expect("Enter to keep it")
    client.sendline("30")
    client.expect("gWebTimeout is now")
    client.close()


@pytest.mark.parametrize("term", ["xterm-256color", "vt100", "dumb"])
@pytest.mark.parametrize("command", ["telnet", "busybox telnet"])
async def test_a_variable_is_changed_with_a_real_client(
    server: TelnetServer, office: Office, command: str, term: str
) -> None:
    needs.program(command.split(maxsplit=1)[0], {"telnet": "inetutils-telnet"}.get(command))
    said = await asyncio.to_thread(change_by_command, spawn(command, server.port, term))
    assert "9,02:00 (Sunday, Wednesday at 02:00)" in said
    assert (await office.variables.get("gWebServerRestart")).value == "9,02:00"
    assert ("\x1b" in said) is (term == "xterm-256color")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
async def test_the_menu_works_by_numbers_with_a_real_client(
    server: TelnetServer, office: Office, term: str
) -> None:
    needs.program("telnet", "inetutils-telnet")
    await asyncio.to_thread(change_by_numbers, spawn("telnet", server.port, term))
    assert (await office.variables.get("gWebTimeout")).value == "30"


def resize(client: Any) -> None:
    log_in(client)
    client.setwinsize(60, 120)
    client.sendline("show variables")
    client.expect("gWebTimeout")
    assert "more: Space" not in str(client.before)
    client.close()


async def test_a_resized_window_is_used(server: TelnetServer) -> None:
    needs.program("telnet", "inetutils-telnet")
    await asyncio.to_thread(resize, spawn("telnet", server.port, "xterm"))


def ask_for_json(port: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import telnetlib
    with telnetlib.Telnet("127.0.0.1", port, WITHIN) as client:
        client.read_until(b"Username: ", WITHIN)
        client.write(b"admin+s\r\n")
        client.read_until(b"Password: ", WITHIN)
        client.write(b"secret\r\n")
        client.read_until(b"callisto# ", WITHIN)
        command = b"show variables | json\r\n"
        client.write(command)
        answer = client.read_until(b"\r\ncallisto# ", WITHIN)
        client.write(b"exit\r\n")
        client.read_all()
    return json.loads(answer.removeprefix(command).removesuffix(b"callisto# "))


async def test_a_python_script_gets_json(server: TelnetServer) -> None:
    data = await asyncio.to_thread(ask_for_json, server.port)
    assert len(data) == 18
