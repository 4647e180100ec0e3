"""Who undoes a change that nobody confirms, when, and how often."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.store_keeper import StoreKeeper
from appliance.trials import SYSTEM, Trials
from db.store import Store, prepare
from db.variables.states import Actor
from tests.appliance.waiting import until

ROOT = Path(__file__).parents[2]
ADMIN = Actor("admin", "192.0.2.7:4000", "telnet")
FIVE = timedelta(minutes=5)


class Clocks:
    """`step` sets the one on the wall; time passes on both."""

    def __init__(self) -> None:
        self.wall, self.monotonic = datetime.now(UTC), 1000.0

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    return url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as store:
        yield store


def trials(url: str, clocks: Clocks) -> Trials:
    return Trials(StoreKeeper(url, url, "ucm"), lambda: clocks.wall, lambda: clocks.monotonic)


async def test_a_change_is_undone_when_its_time_is_over_and_not_before(url: str, store: Store) -> None:
    clocks = Clocks()
    one = trials(url, clocks)
    store.variables.set("gWebTimeout", "2", ADMIN, trial=FIVE)
    await one.follow()
    clocks.passes(299)
    await one.end()
    assert store.variables.get("gWebTimeout").value == "2"
    clocks.passes(2)
    await one.end()
    await one.end()
    assert store.variables.get("gWebTimeout").value == "20"
    assert [change.actor for change in store.variables.history()] == [SYSTEM, ADMIN]


async def test_a_confirmed_change_stays(url: str, store: Store) -> None:
    clocks = Clocks()
    one = trials(url, clocks)
    store.variables.set("gWebTimeout", "2", ADMIN, trial=FIVE)
    await one.follow()
    store.variables.confirm()
    clocks.passes(400)
    await one.end()
    assert store.variables.get("gWebTimeout").value == "2"


async def test_a_clock_that_is_set_back_does_not_put_it_off(url: str, store: Store) -> None:
    clocks = Clocks()
    one = trials(url, clocks)
    store.variables.set("gWebTimeout", "2", ADMIN, trial=FIVE)
    await one.follow()
    clocks.wall -= timedelta(days=30)
    clocks.passes(301)
    await one.follow()
    await one.end()
    assert store.variables.get("gWebTimeout").value == "20"


async def test_two_supervisors_undo_it_once(url: str, store: Store) -> None:
    clocks = Clocks()
    both = [trials(url, clocks), trials(url, clocks)]
    store.variables.set("gWebTimeout", "2", ADMIN, trial=FIVE)
    for one in both:
        await one.follow()
    clocks.passes(301)
    for one in both:
        await one.end()
    assert len(store.variables.history()) == 2


GIVES_UP = """
import sys
from db.store import Store
from db.variables.states import Actor
with Store.open(sys.argv[1]) as store:
    print("looks", flush=True)
    while True:
        for trial in store.variables.waiting():
            store.variables.give_up(trial.change.id, Actor("", "", "system"))
"""


def test_processes_killed_while_they_undo_leave_each_change_undone_once(url: str, store: Store) -> None:
    chance = random.Random(11)
    made = []
    for round_ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", GIVES_UP, url],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "looks\n"
        for number in range(5):
            made.append(store.variables.set("gWebTimeout", str(100 * round_ + number), ADMIN, trial=FIVE).id)
            end = time.monotonic() + chance.uniform(0, 0.02)
            if number == 4:
                until(lambda moment=end: time.monotonic() >= moment)
                process.kill()
                process.communicate(timeout=30)
            else:
                until(lambda: not store.variables.waiting())
        for trial in store.variables.waiting():
            store.variables.give_up(trial.change.id, SYSTEM)
    undone = [change.undoes for change in store.variables.history(limit=1000) if change.undoes]
    assert sorted(undone) == made
    assert store.variables.get("gWebTimeout").value == "20"
