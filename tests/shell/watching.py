"""A trace that is watched, in the tests: what its user sees, and the keys he presses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from shell.obey import obey
from shell.term import EndOfInput
from shell.trace.record import Record, Sip
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.fakes.variables import NOON
from tests.shell.telnet.client import eventually
from tests.shell.test_session import context

WITHIN = 5.0
CALL = "3f2a77c1-0000-4000-8000-000000000001"


def record(text: str = "it rings", **given: object) -> Record:
    values = {"at": NOON.timestamp(), "process": "router", "level": "info", "group": "call", "text": text}
    return Record(**{**values, **given})  # type: ignore[arg-type]


def invite(
    call: str = CALL, raw: str = "INVITE sip:300@127.0.0.1 SIP/2.0\r\nFrom: <sip:044@x>\r\n\r\n"
) -> Record:
    sip = Sip("in", "127.0.0.1:5060", "192.0.2.1:5060", "udp", f"{call[:4]}@pbx", raw)
    return record("INVITE sip:300@127.0.0.1", group="sip", call=call, numbers=("0441234567", "300"), sip=sip)


@dataclass
class Watching:
    """Somebody in the middle of a command."""

    office: Office
    term: ScriptedTerm
    task: asyncio.Task[object]

    async def sees(self, text: str) -> None:
        await eventually(lambda: text in self.term.shown or self.task.done(), f"{text!r} is shown")
        assert text in self.term.shown, f"ended without {text!r}: {self.term.shown}"

    async def end(self, *keys: str) -> str:
        self.term.press(*(keys or (CTRL_C,)))
        await asyncio.wait_for(self.task, WITHIN)
        return self.term.shown


@asynccontextmanager
async def watching(
    office: Office, line: str, *answers: str, rich: bool = True, role: str = "administrator"
) -> AsyncIterator[Watching]:
    term = ScriptedTerm(*answers, rich=rich)
    about = context(office, role)
    task: asyncio.Task[object] = asyncio.create_task(obey(about, term, line))
    one = Watching(office, term, task)
    try:
        await one.sees("ends")
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, EndOfInput):
            await task


async def kept(office: Office, *records: Record, role: str = "administrator") -> str:
    async with watching(office, "trace", role=role) as one:
        office.trace.put(*records)
        await one.sees(records[-1].text)
        await one.end()
    return (await office.trace.captures())[0].name
