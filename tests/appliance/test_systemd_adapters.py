"""What is asked of systemd and heard from it, each adapter for itself. No systemd is touched."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from appliance.lifecycle import State
from appliance.services import unit_facts
from appliance.services.bus_signals import BusLostError, BusSignals, escaped
from appliance.services.children import LocalChildren
from appliance.services.journal import Journal, entry
from appliance.services.ports import Unit, UnitState
from appliance.services.steward import steward
from appliance.services.systemctl import Systemctl, SystemctlError
from appliance.services.systemd import SystemdUnits
from appliance.services.unit_facts import Known, follow, seen, unit_name
from tests import needs
from tests.appliance.waiting import eventually


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    """The environment in which `name` is a program of that Python text."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!{sys.executable} -IS\nimport json, os, sys, time\n{text}")
    (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


async def test_properties_are_read_for_each_unit(tmp_path: Path) -> None:
    said = "Id=a.service\nMainPID=7\nStatusText=x=y\n\nId=b.service\nMainPID=0\n"
    env = program(tmp_path, "systemctl", f"print({said!r})")
    found = await Systemctl(env).show(["a.service", "b.service"], ("Id", "MainPID"))
    assert found["a.service"] == {"Id": "a.service", "MainPID": "7", "StatusText": "x=y"}
    assert found["b.service"]["MainPID"] == "0"


async def test_what_systemctl_says_is_the_error(tmp_path: Path) -> None:
    env = program(tmp_path, "systemctl", "sys.exit('Failed to stop x.service:\\n Access denied')")
    with pytest.raises(SystemctlError, match=r"Failed to stop x\.service: Access denied"):
        await Systemctl(env).do("stop", "x.service")
    with pytest.raises(SystemctlError, match="not on this machine"):
        await Systemctl({}).do("stop", "x.service")


async def test_units_are_named_after_the_options(tmp_path: Path) -> None:
    env = program(tmp_path, "systemctl", f"open({str(tmp_path / 'argv')!r}, 'w').write(str(sys.argv[1:]))")
    await Systemctl(env).do("restart", "x.service")
    assert (tmp_path / "argv").read_text() == "['restart', '--no-ask-password', '--', 'x.service']"


def props(**changed: str) -> dict[str, str]:
    empty = dict.fromkeys(unit_facts.PROPERTIES, "")
    return {**empty, "LoadState": "loaded", "ExecMainCode": "0", "Result": "success", **changed}


@pytest.mark.parametrize(
    ("active", "sub", "state"),
    [
        ("active", "running", State.READY),
        ("activating", "start", State.STARTING),
        ("activating", "auto-restart", State.BACKING_OFF),
        ("deactivating", "stop-sigterm", State.STOPPING),
        ("failed", "failed", State.FAILED),
        ("inactive", "dead", State.STOPPED),
    ],
)
def test_each_state_of_a_unit_is_one_of_ours(active: str, sub: str, state: State) -> None:
    assert seen(props(ActiveState=active, SubState=sub)).state is state


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (props(ExecMainCode="1", ExecMainStatus="3", Result="exit-code"), "exit code 3"),
        (props(ExecMainCode="2", ExecMainStatus="9", Result="signal"), "killed by SIGKILL"),
        (
            props(ExecMainCode="2", ExecMainStatus="6", Result="watchdog"),
            "stalled: systemd had no sign of it",
        ),
        (props(ExecMainCode="2", ExecMainStatus="9", Result="oom-kill"), "more memory than it may"),
        (props(ExecMainCode="1", ExecMainStatus="0"), "ended"),
        (props(), None),
    ],
)
def test_an_end_is_told_in_words(found: dict[str, str], words: str | None) -> None:
    told = unit_facts.ended(found)
    assert (told is None) if words is None else (words in (told or ""))


def test_a_unit_that_is_not_there_has_failed_and_says_so() -> None:
    found = seen({"Id": "x", "LoadState": "not-found", "ActiveState": "inactive"})
    assert (found.state, found.ended) == (State.FAILED, "systemd has no such unit (not-found)")


def test_a_restart_that_nobody_saw_is_counted_and_told() -> None:
    first = Known(UnitState(Unit.WEB, State.READY, 7, 1.0, 0, None), "aa", 0)
    anew = seen(props(ActiveState="active", MainPID="9", InvocationID="bb", NRestarts="2"))
    known, told = follow(first, anew)
    assert [one.state for one in told] == [State.STARTING, State.READY]
    assert (known.told.pid, known.told.restarts, known.told.last_exit) == (9, 2, unit_facts.ANEW)
    assert follow(known, anew) == (known, ())


def test_a_unit_in_an_object_path_is_written_as_systemd_writes_it() -> None:
    assert escaped(unit_name(Unit.WEB)) == "callisto_2dweb_2eservice"
    assert escaped("1a") == "_31a"


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A bus of its own: the real program, without systemd on it."""
    address = f"unix:path={tmp_path / 'bus'}"
    process = await asyncio.create_subprocess_exec(
        needs.program("dbus-daemon"), "--session", "--nofork", "--nosyslog", f"--address={address}"
    )
    await eventually((tmp_path / "bus").exists)
    yield {"DBUS_SYSTEM_BUS_ADDRESS": f"tcp:host=x;{address}"}
    process.terminate()
    await process.wait()


async def test_a_real_bus_understands_us_and_misses_systemd(bus: dict[str, str]) -> None:
    changes: list[int] = []
    with pytest.raises(BusLostError, match=r"org\.freedesktop\.systemd1"):
        await BusSignals(bus, ["callisto-web.service"], lambda: changes.append(1))._listen()
    # Once for the connection, once for the bus's own signal that we have a name.
    assert len(changes) == 2


async def serve(
    path: Path, script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
) -> asyncio.Server:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await script(reader, writer)  # type: ignore[misc]
        writer.close()

    return await asyncio.start_unix_server(client, path)


async def test_each_signal_is_a_reason_to_look_and_a_lost_bus_is_tried_again(tmp_path: Path) -> None:
    def signal(order: str, body: bytes) -> bytes:
        head = b"l" if order == "little" else b"B"
        sizes = b"".join(number.to_bytes(4, order) for number in (len(body), 1, 3))  # type: ignore[arg-type]
        return head + bytes((4, 1, 1)) + sizes + b"abc" + bytes(5) + body

    rounds: list[int] = []
    held = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"\0AUTH EXTERNAL ")
        writer.write(b"OK 1234\r\n")
        assert await reader.readline() == b"BEGIN\r\n"
        writer.write(signal("little", b"12345") + signal("big", b""))
        await writer.drain()
        rounds.append(1)
        if len(rounds) > 1:
            await held.wait()

    changes: list[int] = []
    async with await serve(tmp_path / "bus", script):
        env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'bus'}"}
        listening = asyncio.create_task(BusSignals(env, [], lambda: changes.append(1)).run())
        await eventually(lambda: len(changes) == 6, within=5.0)  # connected, two signals; and once more
        listening.cancel()
        held.set()


@pytest.mark.parametrize("said", [b"REJECTED EXTERNAL\r\n", b"OK 1\r\n" + b"HTTP/1.1 400 Bad", b""])
async def test_what_is_no_bus_is_given_up(tmp_path: Path, said: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)

    async with await serve(tmp_path / "bus", script):
        env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'bus'}"}
        with pytest.raises((BusLostError, EOFError, ConnectionError)):
            await BusSignals(env, [], lambda: None)._listen()


async def test_lines_of_the_journal_are_passed_on_with_their_unit(tmp_path: Path) -> None:
    lines = [
        {"MESSAGE": "one", "_SYSTEMD_UNIT": "callisto-web.service"},
        {"MESSAGE": [116, 119, 255], "_SYSTEMD_UNIT": "callisto-web.service"},
        {"MESSAGE": "other", "_SYSTEMD_UNIT": "sshd.service"},
        {"MESSAGE": None, "_SYSTEMD_UNIT": "callisto-web.service"},
        {"MESSAGE": "three", "_SYSTEMD_UNIT": "callisto-router.service"},
    ]
    text = "\n".join(map(json.dumps, lines))
    env = program(tmp_path, "journalctl", f"print({text!r}, flush=True)\nwhile True: time.sleep(0.1)")
    said: list[tuple[Unit, str]] = []
    reading = asyncio.create_task(Journal(env, lambda unit, lines: said.append((unit, lines))).run())
    await eventually(lambda: len(said) == 2, within=5.0)
    assert said == [(Unit.WEB, "one\ntw\ufffd"), (Unit.ROUTER, "three")]
    reading.cancel()
    await asyncio.wait({reading})


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "1", '{"MESSAGE": "x"}', '{"MESSAGE":["x"],"_SYSTEMD_UNIT":"x"}']
)
def test_what_is_no_entry_of_ours_is_left_out(line: str) -> None:
    assert entry(line) is None


def test_the_setting_says_who_keeps_the_services() -> None:
    children, _ = steward("children", [], {}, lambda _unit, _text: None)
    assert isinstance(children, LocalChildren)
    units, _ = steward("systemd", [], dict(os.environ), lambda _unit, _text: None)
    assert isinstance(units, SystemdUnits)
