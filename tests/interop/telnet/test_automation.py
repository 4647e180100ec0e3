"""The programs that network people log in with drive the shell: answers whole, errors known as errors."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest

from db.variables.states import Actor
from shell.telnet.server import TelnetServer
from tests.fakes.shell_ports import Office
from tests.interop.telnet.tools import TOOLS, Tool
from tests.shell.telnet.client import eventually

NOTES = 50
"""Of the audit trail: what `show audit` gives. As JSON that is some hundred lines."""


@dataclass(frozen=True, slots=True)
class Heard:
    variables: str
    done: str
    refused: str
    unknown: str
    nothing: str
    audit: str
    table: str


def work(tool: Tool, port: int) -> Heard:
    with tool.connect(port) as ask:
        return Heard(
            variables=ask("show variables | json"),
            done=ask("set gWebServerRestart sun,wed 02:00"),
            refused=ask("set gWebTimeout forever"),
            unknown=ask("no such thing"),
            nothing=ask("terminal length 0"),
            audit=ask("show audit | json"),
            table=ask("show audit"),
        )


@pytest.mark.parametrize("tool", TOOLS, ids=str)
async def test_a_tool_reads_changes_and_sees_what_failed(
    server: TelnetServer, office: Office, tool: Tool
) -> None:
    for number in range(NOTES):
        await office.audit.note(
            Actor("admin", "192.0.2.7:4000", "web"), "test", f"note {number} " + "x" * 150
        )
    heard = await asyncio.to_thread(work, tool, server.port)
    assert {each["name"] for each in json.loads(heard.variables)} >= {"gWebTimeout", "gTimeServer"}
    assert heard.done.startswith("gWebServerRestart is now 9,02:00 (Sunday, Wednesday at 02:00)")
    assert heard.refused.startswith("% ")
    assert (await office.variables.get("gWebTimeout")).is_default
    assert heard.unknown.startswith("% there is no command 'no'\n  ")
    assert heard.nothing.strip() == ""
    details = [each["detail"] for each in json.loads(heard.audit)]
    assert len(details) == NOTES
    assert "show audit | json" in details
    assert sum(detail.endswith("x" * 150) for detail in details) > NOTES // 2
    assert heard.table.count("x" * 150) > NOTES // 2
    assert "\x1b" not in heard.table
    await eventually(lambda: office.audit.said("logout") != [], "the tool has left")
    assert office.audit.said("login failed") == []
