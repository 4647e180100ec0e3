"""docs/shell.md shows a session of a program: this one. CALLISTO_WRITE=1 writes it there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from shell.telnet.server import TelnetServer
from tests.shell.telnet.client import PROMPT, REFUSES_ALL, connected

PAGE = Path(__file__).parents[3] / "docs" / "shell.md"
PLACE = re.compile(r"(?<=<!-- transcript -->\n).*?(?=<!-- end -->)", re.DOTALL)
COMMANDS = (
    "terminal length 0",
    "show variables | match Web",
    "show variable gWebTimeout | json",
    "set gWebTimeout 99999",
    "set gWebServerRestart sun,wed 02:00",
    "show history",
    "clock set 2026-11-25 10:00",
    "undo",
    "nothing",
    "nothing | json",
    "show variables | count",
)
CHANGES_EACH_TIME = ((re.compile(r"127\.0\.0\.1:\d+"), "192.0.2.7:40000"),)


async def test_the_session_on_the_page_is_what_a_program_gets(server: TelnetServer) -> None:
    async with connected(server, REFUSES_ALL) as client:
        await client.until("Username: ")
        await client.send("admin+s\r\n")
        await client.until("Password: ")
        await client.send("secret\r\n")
        await client.until(PROMPT)
        for command in COMMANDS:
            await client.send(f"{command}\r\n")
            await client.until(PROMPT)
        await client.send("exit\r\n")
        await client.closed()
    seen = client.seen[client.seen.index(b"\r\n") :].decode().replace("\r\n", "\n").strip()
    for changes, always in CHANGES_EACH_TIME:
        seen = changes.sub(always, seen)
    shown = f"```\n{seen}\n```\n"
    page = PAGE.read_text()
    if os.environ.get("CALLISTO_WRITE"):
        PAGE.write_text(page := PLACE.sub(lambda _: shown, page))
    on_page = PLACE.search(page)
    assert on_page is not None
    assert on_page[0] == shown, "CALLISTO_WRITE=1 writes it anew"
