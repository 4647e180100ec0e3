"""What network people's programs log in with, each reduced to: connect, give a command, get its answer."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import needs

HOST, USER, PASSWORD = "127.0.0.1", "admin+s", "secret"
WITHIN = 20
PROMPT = "callisto# "
DRIVE = Path(__file__).parent / "drive.exp"

Ask = Callable[[str], str]
"""Gives a command; its answer, without prompt and echo."""


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    connect: Callable[[int], AbstractContextManager[Ask]]
    """To a port; logged in inside, and away afterwards."""

    def __str__(self) -> str:
        return self.name


def netmiko(device_type: str) -> Callable[[int], AbstractContextManager[Ask]]:
    @contextmanager
    def connect(port: int) -> Iterator[Ask]:
        from netmiko import ConnectHandler

        with ConnectHandler(
            device_type=device_type,
            host=HOST,
            port=port,
            username=USER,
            password=PASSWORD,
            read_timeout_override=WITHIN,
        ) as device:
            if device_type == "generic_telnet":
                device.std_login()
                device.set_base_prompt()
            yield lambda command: str(device.send_command(command))

    return connect


@contextmanager
def scrapli(port: int) -> Iterator[Ask]:
    """With the prompts and errors of IOS, except that all our errors count."""
    from scrapli import AuthOptions, Cli, TransportTelnetOptions

    with Cli(
        HOST,
        port=port,
        definition_file_or_name="cisco_iosxe",
        auth_options=AuthOptions(username=USER, password=PASSWORD),
        transport_options=TransportTelnetOptions(),
    ) as device:
        yield lambda command: str(device.send_input(command).result)


@contextmanager
def pexpect(port: int) -> Iterator[Ask]:
    from pexpect import EOF, spawn

    needs.program("telnet", "inetutils-telnet")
    child: Any = spawn("telnet", [HOST, str(port)], encoding="utf-8", timeout=WITHIN)
    child.expect_exact("Username: ")
    child.sendline(USER)
    child.expect_exact("Password: ")
    child.sendline(PASSWORD)
    child.expect_exact(PROMPT)

    def ask(command: str) -> str:
        child.sendline(command)
        child.expect_exact(PROMPT)
        return str(child.before).partition("\r\n")[2].replace("\r\n", "\n")

    yield ask
    child.sendline("exit")
    child.expect(EOF)
    child.close()


@contextmanager
def telnetlib(port: int) -> Iterator[Ask]:
    """Of the standard library, up to Python 3.12."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from telnetlib import Telnet

    with Telnet(HOST, port, WITHIN) as client:

        def until(text: str) -> str:
            found = client.read_until(text.encode(), WITHIN)
            assert found.endswith(text.encode()), found
            return found[: -len(text)].decode()

        def ask(command: str) -> str:
            client.write(command.encode() + b"\r\n")
            return until(PROMPT).partition("\r\n")[2].replace("\r\n", "\n")

        until("Username: ")
        client.write(USER.encode() + b"\r\n")
        until("Password: ")
        client.write(PASSWORD.encode() + b"\r\n")
        until(PROMPT)
        yield ask
        client.write(b"exit\r\n")
        client.read_all()


@contextmanager
def expect(port: int) -> Generator[Ask]:
    program = needs.program("expect")
    needs.program("telnet", "inetutils-telnet")
    script = subprocess.Popen(
        [program, "-f", str(DRIVE), HOST, str(port), USER, PASSWORD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert script.stdin is not None
    assert script.stdout is not None
    write, lines = script.stdin, script.stdout

    def ask(command: str) -> str:
        write.write(command + "\n")
        write.flush()
        answer = ""
        while (line := lines.readline()) != "<end>\n":
            assert line, f"it ended after {answer!r}"
            answer += line
        return answer.partition("\n")[2].rpartition(PROMPT)[0]

    with script:
        try:
            yield ask
            write.close()
            assert script.wait(WITHIN) == 0
        finally:
            script.kill()


TOOLS = (
    Tool("netmiko generic_telnet", netmiko("generic_telnet")),
    Tool("netmiko cisco_ios_telnet", netmiko("cisco_ios_telnet")),
    Tool("scrapli", scrapli),
    Tool("pexpect", pexpect),
    Tool("telnetlib", telnetlib),
    Tool("expect", expect),
)
