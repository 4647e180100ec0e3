"""What every ServiceManager promises: the fake, and real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from appliance.lifecycle import Limits, State
from appliance.services import leash
from appliance.services.children import Child, LocalChildren
from appliance.services.ports import ServiceManager, Unit, UnitFailedError, UnitState
from appliance.services.systemd import SystemdUnits
from tests.appliance.waiting import eventually
from tests.fakes.services import FakeServices
from tests.fakes.systemd import FakeSystemd


class Contract:
    """`services`: a manager of all units, none running; `break_` makes a unit end instead of becoming ready;
    `crash` ends its process."""

    services: ServiceManager

    def break_(self, unit: Unit) -> None:
        raise AssertionError

    def crash(self, unit: Unit) -> None:
        raise AssertionError

    async def test_start_returns_when_the_unit_is_ready(self) -> None:
        await self.services.start(Unit.WEB)
        state = self.services.state(Unit.WEB)
        assert (state.state, state.restarts, state.last_exit) == (State.READY, 0, None)
        assert state.pid is not None
        assert self.services.state(Unit.SHELL).state is State.STOPPED

    async def test_starting_what_runs_changes_nothing(self) -> None:
        await self.services.start(Unit.WEB)
        before = self.services.state(Unit.WEB)
        await self.services.start(Unit.WEB)
        assert self.services.state(Unit.WEB) == before

    async def test_stop_returns_when_nothing_is_left(self) -> None:
        await self.services.start(Unit.WEB)
        await self.services.stop(Unit.WEB)
        state = self.services.state(Unit.WEB)
        assert (state.state, state.pid) == (State.STOPPED, None)
        await self.services.stop(Unit.WEB)

    async def test_restart_gives_a_new_process_and_leaves_the_others_alone(self) -> None:
        await self.services.start(Unit.WEB)
        await self.services.start(Unit.SHELL)
        shell, web = self.services.state(Unit.SHELL), self.services.state(Unit.WEB)
        await self.services.restart(Unit.WEB)
        renewed = self.services.state(Unit.WEB)
        assert renewed.state is State.READY
        assert renewed.pid != web.pid
        assert renewed.restarts == 1
        assert self.services.state(Unit.SHELL) == shell

    async def test_restarting_what_is_stopped_starts_it(self) -> None:
        await self.services.restart(Unit.SHELL)
        assert self.services.state(Unit.SHELL).state is State.READY

    async def test_two_restarts_at_once_are_one(self) -> None:
        await self.services.start(Unit.WEB)
        await asyncio.gather(self.services.restart(Unit.WEB), self.services.restart(Unit.WEB))
        assert self.services.state(Unit.WEB).restarts == 1

    async def test_a_unit_that_does_not_start_is_reported_with_the_reason(self) -> None:
        self.break_(Unit.WEB)
        with pytest.raises(UnitFailedError, match="web did not start: exit code 1") as caught:
            await self.services.start(Unit.WEB)
        assert caught.value.unit is Unit.WEB
        await self.services.start(Unit.SHELL)
        await self.services.stop(Unit.WEB)

    async def test_a_restart_that_fails_is_reported(self) -> None:
        await self.services.start(Unit.WEB)
        self.break_(Unit.WEB)
        with pytest.raises(UnitFailedError):
            await self.services.restart(Unit.WEB)
        await self.services.stop(Unit.WEB)

    async def test_a_crashed_unit_comes_back_and_says_how_it_ended(self) -> None:
        await self.services.start(Unit.ROUTER)
        before = self.services.state(Unit.ROUTER)
        self.crash(Unit.ROUTER)
        await eventually(lambda: self.is_new(before), within=2.0)
        assert self.services.state(Unit.ROUTER).last_exit == "killed by SIGKILL"

    def is_new(self, before: UnitState) -> bool:
        now = self.services.state(before.unit)
        return now.state is State.READY and now.pid != before.pid

    async def test_a_watcher_sees_every_state_until_it_stops_watching(self) -> None:
        seen: list[tuple[Unit, State]] = []
        unwatch = self.services.watch(lambda state: seen.append((state.unit, state.state)))
        await self.services.start(Unit.WEB)
        await self.services.stop(Unit.WEB)
        unwatch()
        await self.services.start(Unit.WEB)
        states = [State.STARTING, State.READY, State.STOPPING, State.STOPPED]
        assert seen == [(Unit.WEB, state) for state in states]


class TestFakeServices(Contract):
    @pytest.fixture(autouse=True)
    async def _services(self) -> None:
        self.fake = FakeServices()
        self.services = self.fake

    def break_(self, unit: Unit) -> None:
        self.fake.broken.add(unit)

    def crash(self, unit: Unit) -> None:
        self.fake.crash(unit)


PROGRAM = """
import os, signal, sys, time
unit, folder = sys.argv[1:]
if os.path.exists(f"{folder}/broken-{unit}"):
    print("no good", flush=True)
    sys.exit(1)
if os.path.exists(f"{folder}/deaf-{unit}"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.path.exists(f"{folder}/parent-{unit}") and os.fork() == 0:
    open(f"{folder}/grandchild", "w").write(str(os.getpid()))
    signal.pause()
if not os.path.exists(f"{folder}/mute-{unit}"):
    print("ready", flush=True)
while True:
    signal.pause()
"""
"""Says it is ready in one line of output; its habits are files."""


class TestLocalChildren(Contract):
    @pytest.fixture(autouse=True)
    async def _services(self, tmp_path: Path) -> AsyncIterator[None]:
        self.folder = tmp_path
        self.lines: list[tuple[Unit, str]] = []
        limits = Limits(ready_within=5.0, stop_within=1.0)
        self.children = LocalChildren([self.child(unit, limits) for unit in Unit], self.output)
        self.services = self.children
        yield
        await self.children.close(within=5.0)

    def child(self, unit: Unit, limits: Limits) -> Child:
        argv = (sys.executable, "-I", "-S", "-c", PROGRAM, unit, str(self.folder))
        return Child(unit, argv, {"PATH": os.defpath}, limits)

    def output(self, unit: Unit, text: str) -> None:
        lines = text.split("\n")
        self.lines += [(unit, line) for line in lines]
        pid = self.children.state(unit).pid
        if "ready" in lines and pid:
            assert self.children.ready(unit, pid)

    def habit(self, name: str, unit: Unit) -> None:
        (self.folder / f"{name}-{unit}").touch()

    def break_(self, unit: Unit) -> None:
        self.habit("broken", unit)

    def crash(self, unit: Unit) -> None:
        os.kill(self.pid(unit), signal.SIGKILL)

    def pid(self, unit: Unit) -> int:
        pid = self.children.state(unit).pid
        assert pid is not None
        return pid

    async def test_every_line_of_output_is_passed_on(self) -> None:
        self.break_(Unit.WEB)
        with pytest.raises(UnitFailedError):
            await self.children.start(Unit.WEB)
        assert self.lines == [(Unit.WEB, "no good")]

    async def test_a_process_that_stays_silent_is_killed_and_tried_again(self) -> None:
        self.habit("mute", Unit.WEB)
        hasty = LocalChildren([self.child(Unit.WEB, Limits(ready_within=0.3))], self.output)
        with pytest.raises(UnitFailedError, match=r"not ready within 0\.3 s"):
            await hasty.start(Unit.WEB)
        await eventually(lambda: hasty.state(Unit.WEB).restarts >= 1)
        await hasty.close(within=5.0)

    async def test_a_process_deaf_to_sigterm_is_killed_at_the_limit(self) -> None:
        self.habit("deaf", Unit.WEB)
        await self.children.start(Unit.WEB)
        began = time.monotonic()
        await self.children.stop(Unit.WEB)
        assert 1.0 <= time.monotonic() - began < 3.0
        assert self.children.state(Unit.WEB).last_exit == "killed by SIGKILL"

    async def test_what_a_process_left_behind_is_killed_with_it(self) -> None:
        self.habit("parent", Unit.WEB)
        await self.children.start(Unit.WEB)
        note = self.folder / "grandchild"
        grandchild = int(await eventually(lambda: note.exists() and note.read_text()))
        await self.children.stop(Unit.WEB)
        await eventually(lambda: not alive(grandchild))

    async def test_only_the_present_process_can_say_that_it_is_ready(self) -> None:
        self.habit("mute", Unit.WEB)
        starting = asyncio.ensure_future(self.children.start(Unit.WEB))
        await eventually(lambda: self.children.state(Unit.WEB).pid)
        assert not self.children.ready(Unit.WEB, os.getpid())
        assert self.children.state(Unit.WEB).state is State.STARTING
        assert self.children.ready(Unit.WEB, self.pid(Unit.WEB))
        await starting

    async def test_a_program_that_is_not_there_is_reported_by_name(self) -> None:
        nowhere = LocalChildren([Child(Unit.WEB, (str(self.folder / "nothing"),), {})], self.output)
        with pytest.raises(UnitFailedError, match="nothing: No such file"):
            await nowhere.start(Unit.WEB)
        await nowhere.close(within=1.0)

    async def test_close_stops_the_last_started_first(self) -> None:
        for unit in Unit:
            await self.children.start(unit)
        ended: list[Unit] = []
        self.children.watch(lambda state: ended.append(state.unit) if state.state is State.STOPPED else None)
        await self.children.close(within=5.0)
        assert ended == [Unit.WEB, Unit.SHELL, Unit.ROUTER, Unit.MEDIA]

    async def test_close_kills_whoever_is_left_at_its_limit(self) -> None:
        for unit in Unit:
            self.habit("deaf", unit)
        await asyncio.gather(*(self.children.start(unit) for unit in Unit))
        pids = [self.pid(unit) for unit in Unit]
        began = time.monotonic()
        await self.children.close(within=0.2)
        assert time.monotonic() - began < 3.0
        assert not any(alive(pid) for pid in pids)

    async def test_a_stalled_process_is_replaced_though_it_does_not_hear(self) -> None:
        await self.children.start(Unit.ROUTER)
        before = self.children.state(Unit.ROUTER)
        os.kill(self.pid(Unit.ROUTER), signal.SIGSTOP)
        self.children.stalled(Unit.ROUTER, "stalled for 5 s")
        await eventually(lambda: self.is_new(before), within=5.0)
        assert self.children.state(Unit.ROUTER).last_exit == "stalled for 5 s"
        assert before.pid
        assert not alive(before.pid)

    async def test_a_stop_while_a_process_is_being_started_leaves_nothing(self) -> None:
        starting = asyncio.ensure_future(self.children.start(Unit.WEB))
        await asyncio.sleep(0)
        await self.children.stop(Unit.WEB)
        with pytest.raises(UnitFailedError, match="stopped meanwhile"):
            await starting
        assert self.children.state(Unit.WEB).pid is None

    async def test_a_child_on_the_leash_ends_with_a_supervisor_that_is_killed(self) -> None:
        child_program = (
            "import os, signal\n"
            "from appliance.services import leash\n"
            "leash.hold(os.environ)\n"
            "print(os.getpid(), flush=True)\n"
            "signal.pause()\n"
        )
        program = (
            "import asyncio, os, sys\n"
            "from appliance.services.process import ChildProcess\n"
            "async def main():\n"
            "    tell = lambda lines: print(lines, flush=True)\n"
            "    child = await ChildProcess.start(sys.argv[1:], os.environ, tell)\n"
            "    await child.ended()\n"
            "asyncio.run(main())\n"
        )
        supervisor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, sys.executable, "-c", child_program),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert supervisor.stdout
        child = int(await supervisor.stdout.readline())
        assert alive(child)
        supervisor.kill()
        await supervisor.wait()
        await eventually(lambda: not alive(child))


class TestSystemdUnits(Contract):
    """With what stands for systemd; the real one runs in the image."""

    @pytest.fixture(autouse=True)
    async def _services(self, tmp_path: Path) -> AsyncIterator[None]:
        self.folder = tmp_path
        limits = Limits(ready_within=5.0, stop_within=1.0)
        self.children = LocalChildren([self.child(unit, limits) for unit in Unit], self.output)
        self.systemd = FakeSystemd(self.children, tmp_path / "proc")
        self.units = SystemdUnits(self.systemd, tmp_path / "proc")
        self.systemd.changed = self.units.look
        self.services = self.units
        following = asyncio.create_task(self.units.run())
        yield
        following.cancel()
        await self.units.close(within=1.0)
        await self.children.close(within=5.0)

    child, output, habit = TestLocalChildren.child, TestLocalChildren.output, TestLocalChildren.habit
    lines: ClassVar[list[tuple[Unit, str]]] = []

    def break_(self, unit: Unit) -> None:
        self.habit("broken", unit)

    def crash(self, unit: Unit) -> None:
        pid = self.units.state(unit).pid
        assert pid
        os.kill(pid, signal.SIGKILL)

    async def test_what_runs_before_us_is_found_running(self) -> None:
        await self.children.start(Unit.WEB)
        before = self.children.state(Unit.WEB)
        await self.units.start(Unit.WEB)
        now = self.units.state(Unit.WEB)
        assert (now.state, now.pid, now.restarts) == (State.READY, before.pid, 0)
        assert self.systemd.asked == []

    async def test_what_systemd_refuses_is_told_in_its_words(self) -> None:
        await self.units.start(Unit.WEB)
        self.systemd.denies = True
        with pytest.raises(UnitFailedError, match=r"does not stop it: .* Access denied"):
            await self.units.stop(Unit.WEB)
        assert self.units.state(Unit.WEB).state is State.READY
        with pytest.raises(UnitFailedError, match="Access denied"):
            await self.units.start(Unit.SHELL)

    async def test_a_process_of_the_unit_is_ready_before_systemd_has_told(self) -> None:
        await self.children.start(Unit.WEB)
        pid = self.children.state(Unit.WEB).pid
        assert pid
        assert not self.units.ready(Unit.SHELL, pid)
        assert not self.units.ready(Unit.WEB, os.getpid())
        assert self.units.ready(Unit.WEB, pid)
        assert (self.units.state(Unit.WEB).state, self.units.state(Unit.WEB).pid) == (State.READY, pid)

    async def test_a_stalled_process_is_replaced_and_the_reason_told(self) -> None:
        await self.units.start(Unit.ROUTER)
        before = self.units.state(Unit.ROUTER)
        os.kill(before.pid or 0, signal.SIGSTOP)
        self.units.stalled(Unit.ROUTER, "stalled for 5 s")
        await eventually(lambda: self.is_new(before), within=5.0)
        assert self.units.state(Unit.ROUTER).last_exit == "stalled for 5 s"

    async def test_a_reason_for_a_restart_is_told_as_the_end(self) -> None:
        await self.units.start(Unit.ROUTER)
        await self.units.restart(Unit.ROUTER, "restarted: it used 600 MB of memory")
        assert self.units.state(Unit.ROUTER).last_exit == "restarted: it used 600 MB of memory"

    async def test_units_go_on_without_a_supervisor(self) -> None:
        await self.units.start(Unit.WEB)
        await self.units.close(within=1.0)
        assert self.children.state(Unit.WEB).state is State.READY


def test_a_child_whose_supervisor_is_gone_ends_at_once() -> None:
    program = "import os; from appliance.services import leash; leash.hold(os.environ); print('goes on')"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    gone = {**env, leash.PARENT: str(2**22 + 1)}
    for environment, said in ((gone, ""), (env, "goes on\n")):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout == said


def alive(pid: int) -> bool:
    """Whether it runs; a zombie that waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
