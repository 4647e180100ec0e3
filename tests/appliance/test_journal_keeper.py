"""The journal's rounds as a job of the supervisor: each night, and when there is a reason."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pysqlite3
import pytest

from appliance.config import Config
from appliance.journal_keeper import JOB, JournalError, JournalKeeper
from appliance.journal_rounds import LONGEST, Last, Memory, Seen, due
from appliance.plans import Plans, keeper
from appliance.roles import snapshotter
from appliance.roles.supervisor import service_environment
from appliance.store_keeper import StoreKeeper
from db.errors import StoreError
from db.journal import files, snapshots
from db.journal.keeping import Round
from db.prepare import prepare
from db.stores.jobs import JobRun
from db.variables.states import Actor
from scheduler.service import Planner
from tests.appliance.test_maintenance import children
from tests.appliance.waiting import eventually
from tests.fakes.services import FakeServices

NIGHT = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)
GOOD = Last(NIGHT, Round(since=3, records=5, generation=4, bytes=1000))
DIFFERS = Last(NIGHT, Round("table audit, id 1: the row is missing", "repair start force", 3))
REFUSED = Last(NIGHT, None, "1 MB are free", "make room")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("seen", "last", "after", "why"),
    [
        (Seen(lacks=False, journal_bytes=0), GOOD, HOUR, ""),
        (Seen(lacks=False, journal_bytes=0), GOOD, 25 * HOUR, ""),
        (Seen(lacks=False, journal_bytes=0), GOOD, 27 * HOUR, "the last night was missed"),
        (Seen(lacks=False, journal_bytes=0), GOOD, -HOUR, ""),
        (Seen(lacks=False, journal_bytes=0), None, HOUR, "the last night was missed"),
        (Seen(lacks=True, journal_bytes=0), None, HOUR, "no snapshot leads to the store"),
        (Seen(lacks=True, journal_bytes=0), GOOD, HOUR / 2, "no snapshot leads to the store"),
        (Seen(lacks=True, journal_bytes=0), DIFFERS, HOUR / 2, "no snapshot leads to the store"),
        (Seen(lacks=True, journal_bytes=0), REFUSED, HOUR / 2, ""),
        (Seen(lacks=True, journal_bytes=0), REFUSED, HOUR, "no snapshot leads to the store"),
        (Seen(lacks=False, journal_bytes=LONGEST), GOOD, HOUR, ""),
        (Seen(lacks=False, journal_bytes=LONGEST + 1), GOOD, HOUR / 2, "64 MB of journal"),
        (Seen(lacks=False, journal_bytes=LONGEST + 1), DIFFERS, HOUR / 2, ""),
    ],
)
def test_when_a_round_is_due(seen: Seen, last: Last | None, after: timedelta, why: str) -> None:
    found = due(seen, last, NIGHT + after)
    assert found.startswith(why) if why else found == ""


@pytest.mark.parametrize("last", [GOOD, DIFFERS, REFUSED])
def test_the_last_round_is_remembered(tmp_path: Path, last: Last) -> None:
    memory = Memory(tmp_path / "snapshots" / "last.json")
    assert memory.read() is None
    memory.write(last)
    assert memory.read() == last
    (tmp_path / "snapshots" / "last.json").write_text('{"at": 5}')
    assert memory.read() is None


class Place:
    """A supervisor's store and plans, without its services."""

    def __init__(self, folder: Path, kept: list[JobRun]) -> None:
        async def keep(run: JobRun) -> None:
            kept.append(run)

        self.config = Config.load({"CALLISTO_STATE": str(folder)}, folder)
        url = self.config.store_url
        self.store = StoreKeeper(url, url, "ucm", journal=self.config.journal_dir)
        self.planner = Planner(ZoneInfo("UTC"), keeper(keep))
        self.plans = Plans(self.planner, FakeServices())
        self.repairs = False
        self.journal = JournalKeeper(
            self.config, service_environment(), self.store, self.plans, lambda: self.repairs
        )

    async def write(self, text: str) -> None:
        await self.store.do(lambda store: store.audit.note(Actor("u", "", "cli"), "test", text))

    def past_the_journal(self, statement: str) -> None:
        raw = pysqlite3.connect(str(self.config.state / "callisto.db"), isolation_level=None)
        raw.execute(statement)
        raw.close()

    def snapshots(self) -> list[int]:
        return snapshots.generations(self.config.snapshots)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path, [])
    await made.store.open()
    yield made
    await made.journal.close()
    await made.planner.close()
    made.store.close()


@pytest.fixture
async def running(place: Place) -> AsyncIterator[Callable[[], None]]:
    task: list[asyncio.Task[None]] = []
    yield lambda: task.append(asyncio.create_task(place.journal.run(0.0)))
    for each in task:
        each.cancel()
        await asyncio.wait({each})


async def test_a_first_start_takes_a_snapshot_and_the_job_of_the_night_is_planned(
    place: Place, running: Callable[[], None]
) -> None:
    await place.write("one")
    running()
    await eventually(lambda: place.journal.last is not None, 30)
    await eventually(lambda: place.plans.states()[0]["last_result"] is not None, 5)
    (state,) = place.plans.states()
    assert (state["name"], state["variable"]) == (JOB, "")
    assert datetime.fromisoformat(str(state["next_run"])).hour == 3
    assert str(state["last_result"]).startswith("done: nothing to compare with yet; snapshot 2, ")
    facts = place.journal.facts()
    assert (facts["generation"], facts["problem"], facts["compared"]) == (2, "", False)
    run = await place.store.do(lambda store: store.jobs.last(JOB))
    assert run is not None
    assert run.result == state["last_result"]


async def test_the_night_compares_rotates_and_keeps_two(place: Place) -> None:
    for number in range(4):
        await place.write(f"note {number}")
        said = await place.journal.keep()
    assert said.startswith("the same as snapshot 3 and 2 changes after it; snapshot 5, ")
    assert place.snapshots() == [4, 5]
    assert files.generations(place.config.journal_dir) == [4, 5]
    assert place.journal.facts()["compared"] is True
    assert (place.config.snapshots / "last.json").stat().st_mode & 0o777 == 0o600


async def test_a_difference_is_told_and_a_repair_ends_it(place: Place, running: Callable[[], None]) -> None:
    await place.write("one")
    await place.journal.keep()
    place.past_the_journal("UPDATE audit SET detail = 'other'")
    with pytest.raises(JournalError, match=r"the row is not as in the journal; .*repair start force"):
        await place.journal.keep()
    assert "audit" in str(place.journal.facts()["problem"])
    assert place.snapshots() == [2]
    running()
    place.past_the_journal("UPDATE journal SET generation = 0")  # as a repair leaves it
    place.journal.taken("repair")
    await eventually(lambda: place.journal.facts()["problem"] == "", 30)
    assert place.snapshots() == [2, 3]


async def test_two_who_ask_at_once_get_one_round_and_none_while_there_is_a_repair(place: Place) -> None:
    first, second = await asyncio.gather(place.journal.keep(), place.journal.keep())
    assert first == second
    assert place.snapshots() == [1]
    place.repairs = True
    with pytest.raises(JournalError, match="is being repaired"):
        await place.journal.keep()


async def test_a_round_that_is_killed_is_told_and_the_next_one_is_whole(place: Place) -> None:
    await place.write("one")
    under_way = asyncio.create_task(place.journal.keep())
    (pid,) = await eventually(lambda: children(os.getpid(), "snapshotter"), 30)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(JournalError, match="killed by SIGKILL"):
        await under_way
    await place.journal.keep()
    await place.write("two")
    assert "the same" in await place.journal.keep()
    assert place.journal.facts()["problem"] == ""


async def test_changes_go_on_while_a_round_is_under_way(place: Place) -> None:
    await place.write("before")
    under_way = asyncio.create_task(place.journal.keep())
    written = 0
    while not under_way.done():
        await place.write(f"meanwhile {written}")
        written += 1
        await asyncio.sleep(0.005)
    await under_way
    assert written > 5
    assert "the same" in await place.journal.keep()


async def test_a_journal_that_cannot_be_written_refuses_the_change_with_what_to_do(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal").write_text("no folder")
    place = Place(tmp_path, [])
    try:
        await place.store.open()
        with pytest.raises(StoreError, match="nothing has been changed") as refused:
            await place.write("one")
        assert "CALLISTO_JOURNAL_DIR" in refused.value.hint
        with pytest.raises(JournalError):
            await place.journal.keep()
        assert place.journal.facts()["problem"] != ""
    finally:
        await place.journal.close()
        await place.planner.close()
        place.store.close()


async def test_postgresql_has_a_journal_of_its_own(tmp_path: Path) -> None:
    settings = {"CALLISTO_STATE": str(tmp_path), "CALLISTO_STORE_URL": "postgresql://u:p@127.0.0.1:1/x"}
    config = Config.load(settings, tmp_path)
    store = StoreKeeper(config.store_url, "", "ucm")

    async def forget(_: JobRun) -> None:
        pass

    planner = Planner(ZoneInfo("UTC"), keeper(forget))
    journal = JournalKeeper(config, {}, store, Plans(planner, FakeServices()))
    await journal.run()
    assert journal.facts() == {}
    assert planner.states() == ()
    await planner.close()


def test_a_round_is_made_where_a_service_may_not_be_nice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in the image, whose units are refused it (SystemCallFilter=~@resources)."""

    def refused(_by: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refused)
    config = Config.load({"CALLISTO_STATE": str(tmp_path)}, tmp_path)
    prepare(config.store_url)
    assert snapshotter.main(config) == snapshotter.DONE
    assert '"round"' in capsys.readouterr().out
