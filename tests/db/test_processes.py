"""The store between processes, and under kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from db.store import Store, prepare
from tests.postgres import fresh_database

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from db.store import Store
from db.variables.states import Actor
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Store.open(url) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        value = str(number % 1440)
        change = store.variables.set("gWebTimeout", value, Actor(name, str(number), "cli"))
        print(change.id, flush=True)
"""


def writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, url, name, str(count)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(process.communicate()[1])
    return process


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return fresh_database(request, prepare)
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    return url


def test_four_processes_that_write_at_once_lose_nothing_and_are_never_refused(url: str) -> None:
    writers = [writer(url, f"writer{number}", 30) for number in range(4)]
    for process in writers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in writers:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    with Store.open(url) as store:
        history = store.variables.history(limit=1000)
        # A value that is set already is no change: no more than one can be such in a row of two writers.
        assert store.revision() == 1 + len(history)
        assert all(later.old == earlier.new for later, earlier in pairwise(history))
        assert {change.actor.user for change in history} == {f"writer{number}" for number in range(4)}
        assert store.variables.get("gWebTimeout").value == history[0].new


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_process_keeps_every_change_that_was_acknowledged(url: str, round_: int) -> None:
    process = writer(url, "writer", 100_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(20 + 13 * round_):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told, _ = process.communicate(timeout=60)
    acknowledged = [int(line) for line in told.splitlines(keepends=True) if line.endswith("\n")]
    prepare(url)
    with Store.open(url) as store:
        history = store.variables.history(limit=100_000)
        assert {change.id for change in history} >= set(acknowledged)
        assert store.revision() == 1 + len(history)
        assert all(later.old == earlier.new for later, earlier in pairwise(history))
