"""Traces of the real processes: what they tell, and what a kill leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.trace_client import ControlTrace
from appliance.demo.local import HOST, LocalAppliance
from appliance.trace.captures import CUT_OFF
from db.store import Store
from db.variables.states import Actor
from shell.trace.choice import EVERYTHING, Choice
from shell.trace.record import Record
from shell.trace_ports import View
from tests import needs
from tests.appliance.waiting import eventually, until

ANNA = Actor("anna", "192.0.2.1:1024", "telnet")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAppliance]:
    needs.pjsua2()
    with LocalAppliance(tmp_path_factory.mktemp("traced")) as one:
        one.start()
        yield one


@asynccontextmanager
async def traces(one: LocalAppliance) -> AsyncIterator[ControlTrace]:
    async with ControlClient(one.control_socket) as control:
        trace = ControlTrace(control, one.control_socket)
        yield trace
        await trace.close()


async def seen(view: View, do: Callable[[], object], wanted: Callable[[Record], object]) -> Record:
    """The first record that is wanted; what leads to it is done again and again, for a process may not know
    yet that it is watched."""
    async with asyncio.timeout(20):
        while True:
            await asyncio.to_thread(do)
            try:
                async with asyncio.timeout(0.5):
                    batch = await view.next()
            except TimeoutError:
                continue
            assert not batch.ended
            for record in batch.records:
                if wanted(record):
                    return record


def visit(one: LocalAppliance) -> None:
    with urllib.request.urlopen(f"http://{HOST}:{one.web_port}/login?secret=1", timeout=10) as page:
        page.read()


def knock(one: LocalAppliance) -> None:
    """A login with a wrong name."""
    with socket.create_connection((HOST, one.telnet_port), 10) as sock:
        sock.settimeout(10)
        heard = b""
        for awaited, said in (
            (b"sername:", b"nobody\r\n"),
            (b"assword:", b"verysecret\r\n"),
            (b"ncorrect", b""),
        ):
            while awaited not in heard:
                part = sock.recv(4096)
                if not part:
                    return
                heard += part
            heard = b""
            sock.sendall(said)


async def test_every_kind_of_process_tells_what_it_does(shared: LocalAppliance) -> None:
    def change() -> None:
        with Store.open(f"sqlite:///{shared.state}/callisto.db") as store:
            value = store.variables.get("gMaxForwardNumberLen").value
            store.variables.set("gMaxForwardNumberLen", str(199 - int(value)), ANNA)

    async with traces(shared) as trace:
        view = await trace.start(EVERYTHING, ANNA)
        page = await seen(view, lambda: visit(shared), lambda one: one.group == "web")
        assert (page.process, page.level) == ("web", "debug")
        assert page.text.startswith("GET /login: 200 after ")
        assert "secret" not in page.text
        login = await seen(view, lambda: knock(shared), lambda one: one.group == "shell")
        assert (login.process, "login failed" in login.text) == ("shell", True)
        assert "verysecret" not in login.text
        commit = await seen(view, change, lambda one: one.group == "store")
        assert (commit.process, "revision" in commit.text) == ("supervisor", True)
        await view.close()
        captures = await trace.captures()
        assert captures[0].name == view.capture


async def test_the_past_is_there_when_somebody_comes_to_look(shared: LocalAppliance) -> None:
    async with traces(shared) as trace:

        async def past() -> list[Record]:
            """Of now; a process says that it is ready to us first, and to its log after that."""
            view = await trace.start(Choice(last_s=600), ANNA)
            batch = await view.next()
            await view.close()
            ready = {record.process for record in batch.records if "ready on" in record.text}
            return list(batch.records) if {"media", "router", "shell", "web"} <= ready else []

        records = await eventually(past)
    assert any(record.process == "supervisor" for record in records)


async def test_nobody_is_slowed_by_a_trace_that_is_over(shared: LocalAppliance) -> None:
    """The log has what it always had: the DEBUG that a trace asks for stays in the trace."""
    async with traces(shared) as trace:
        view = await trace.start(EVERYTHING, ANNA)
        await seen(view, lambda: visit(shared), lambda one: one.group == "web")
        await view.close()
    assert " DEBUG " not in shared.log.read_text()


async def test_each_process_says_what_it_does(shared: LocalAppliance) -> None:
    async with traces(shared) as trace:
        found = {doing.process: doing for doing in await trace.processes()}
    assert found.keys() >= {"supervisor", "media", "router", "shell", "web"}
    assert "0 calls now" in found["router"].doing
    assert any("web restart" in line for line in found["supervisor"].doing)


async def test_a_capture_cut_by_a_kill_is_readable_and_the_viewer_goes_on(tmp_path: Path) -> None:
    needs.pjsua2()
    with LocalAppliance(tmp_path / "a") as one:
        await asyncio.to_thread(one.start)
        async with traces(one) as trace:
            view = await trace.start(EVERYTHING, ANNA)
            cut = view.capture
            await trace.mark("before the kill", ANNA)
            file = one.state / "traces" / f"{cut}.jsonl"
            await eventually(lambda: "before the kill" in file.read_text())
            os.kill(one.pid, signal.SIGKILL)
            await asyncio.to_thread(one.wait, 10)
            await asyncio.to_thread(one.start)
            await eventually(lambda: view.capture != cut)
            found = {capture.name: capture for capture in await trace.captures()}
            assert found[cut].reason == CUT_OFF
            assert "anna: before the kill" in [
                record.text async for block in trace.read(cut) for record in block
            ]
            await trace.mark("after it", ANNA)
            await _shown(view, "anna: after it")
            last = view.capture
        trace_file = one.state / "traces" / f"{last}.jsonl"
        until(lambda: '"reason"' in trace_file.read_text())


async def test_a_stop_gives_a_capture_its_last_line(tmp_path: Path) -> None:
    needs.pjsua2()
    with LocalAppliance(tmp_path / "a") as one:
        await asyncio.to_thread(one.start)
        async with traces(one) as trace:
            name = await trace.capture(EVERYTHING, ANNA)
        await asyncio.to_thread(one.stop)
        assert "the appliance was stopped" in (one.state / "traces" / f"{name}.jsonl").read_text()


async def _shown(view: View, text: str) -> None:
    def nothing() -> Awaitable[None] | None:
        return None

    await seen(view, nothing, lambda one: one.text == text)
