"""Router and supervisor killed at any step of the spool: no acknowledged record is lost, none doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.ingest import Ingest
from db.store import Store, prepare
from router.spool import Spool
from tests.appliance.test_ingest import FakeCalls, Killed
from tests.appliance.waiting import until

ROOT = Path(__file__).parents[2]


class Kernel:
    """The router's system calls; the one that `die_at` counts down to is its last. A kill in the middle of a
    write leaves `cut` bytes of it (at most; in tenths of the line)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.die_at: int | None = None
        self.cut = 0
        self.write = os.write
        monkeypatch.setattr("os.write", self._write)
        for name in ("open", "scandir", "close"):
            monkeypatch.setattr(f"os.{name}", self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            if self._dies():
                raise Killed
            result = call(*args, **named)
            if self._dies():
                raise Killed
            return result

        return counted

    def _write(self, file: int, data: bytes) -> int:
        if self._dies():
            self.write(file, data[: len(data) * self.cut // 10])
            raise Killed
        done = self.write(file, data)
        if self._dies():
            raise Killed  # all of it is there, and nobody was told
        return done

    def _dies(self) -> bool:
        if self.die_at is None or threading.current_thread() is not threading.main_thread():
            return False  # what the helper does has no part in what survives a kill
        self.die_at -= 1
        return self.die_at < 0


@dataclass(frozen=True)
class Life:
    """A router's life: `records` at most, cut short after `router_dies` steps; the supervisor looks in
    `turns` times meanwhile, and is killed after `supervisor_dies` steps. `largest`: bytes of a file."""

    records: int
    router_dies: int | None
    cut: int
    turns: int
    supervisor_dies: int | None
    largest: int = 150


steps = st.none() | st.integers(0, 30)
lives = st.lists(
    st.builds(
        Life,
        st.integers(0, 12),
        steps,
        st.integers(0, 10),
        st.integers(0, 3),
        steps,
        st.sampled_from([150, 10_000]),
    ),
    max_size=8,
)


class House:
    """One spool folder, whoever lives and dies around it."""

    def __init__(self, folder: Path, kernel: Kernel) -> None:
        self.folder = folder
        self.kernel = kernel
        self.calls = FakeCalls()
        self.begun: list[str] = []
        self.acknowledged: list[str] = []
        self.ingest = Ingest(folder)

    def live(self, life: Life) -> None:
        writer: Spool | None = None
        self.calls.die_at = life.supervisor_dies
        self.kernel.die_at, self.kernel.cut = life.router_dies, life.cut
        try:
            writer = Spool(self.folder, largest=life.largest, sync_every=3600)
            for number in range(life.records):
                if number < life.turns:
                    self.look()
                self.append(writer)
        except Killed:
            pass
        finally:
            self.kernel.die_at = None
            if writer is not None:
                writer.close()  # the descriptors and the thread of a process that is gone
        self.look()

    def append(self, writer: Spool) -> None:
        self.begun.append(f"call {len(self.begun)}")
        writer.append({"id": self.begun[-1], "text": "x" * 20})
        self.acknowledged.append(self.begun[-1])

    def look(self) -> None:
        """The supervisor's turn; the router's steps are not counted on."""
        left, self.kernel.die_at = self.kernel.die_at, None
        try:
            self.ingest.turn(self.calls)
        except Killed:
            self.ingest = Ingest(self.folder)  # a new supervisor
        finally:
            self.kernel.die_at = left


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives)
def test_kills_at_any_step_of_both_lose_nothing_and_double_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, lives: list[Life]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("appliance.ingest.BATCH", 2)
        patch.setattr("appliance.ingest.BATCHES", 2)
        house = House(tmp_path_factory.mktemp("spool"), Kernel(patch))
        for life in lives:
            house.live(life)
        house.calls.die_at = None
        house.live(Life(0, None, 0, 0, None))
        for _ in range(100):
            house.look()
    kept = house.calls.kept
    assert len(kept) == len(set(kept))
    assert set(house.acknowledged) <= set(kept) <= set(house.begun)


ROUTER = """
import os, pathlib, signal, sys
from router import spool
folder, first, writes, cut = sys.argv[1], *map(int, sys.argv[2:])
real = os.write
def write(file, data):
    global writes
    writes -= 1
    if not writes:
        real(file, data[:cut])
        os.kill(os.getpid(), signal.SIGKILL)
    return real(file, data)
keeper = spool.Spool(pathlib.Path(folder), largest=20000)
spool.os.write = write
moment = "2026-11-22T10:00:00+00:00"
for number in range(first, first + 100000):
    keeper.append({"id": f"call-{number}", "started": moment, "ended": moment, "caller": "1", "status": 200})
    real(1, b"%d\\n" % number)
"""
SUPERVISOR = """
import pathlib, sys
from appliance.ingest import Ingest
from db.store import Store
store = Store.open(sys.argv[2])
ingest = Ingest(pathlib.Path(sys.argv[1]))
print("looks", flush=True)
while True:
    ingest.turn(store.calls)
"""


def program(text: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def end_at(process: subprocess.Popen[str], moment: float) -> None:
    """Killed at a moment that has nothing to do with what it does just then."""
    until(lambda: time.monotonic() >= moment)
    process.kill()
    process.communicate(timeout=30)


def test_real_processes_killed_at_seeded_moments_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    chance, folder, url = random.Random(7), tmp_path / "spool", f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    acknowledged: list[int] = []
    for _ in range(4):
        supervisor = program(SUPERVISOR, folder, url)
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        for _ in range(2):
            writes = chance.randint(1, 600)
            first = acknowledged[-1] + 2 if acknowledged else 0
            router = program(ROUTER, folder, first, writes, chance.choice([0, 1, 50, 10**6]))
            told, _ = router.communicate(timeout=30)
            assert router.returncode == -signal.SIGKILL
            acknowledged += [int(line) for line in told.split()]
        end_at(supervisor, time.monotonic() + chance.random() / 5)
    Spool(folder).close()
    with Store.open(url) as store:
        while Ingest(folder).turn(store.calls):
            pass
        kept = [int(call.id.removeprefix("call-")) for call in store.calls.latest(100_000)]
    assert len(kept) == len(set(kept))
    unacknowledged = set(kept) - set(acknowledged)
    assert not set(acknowledged) - set(kept)
    assert len(unacknowledged) <= 8  # one for each router: written whole, killed before it could say so
