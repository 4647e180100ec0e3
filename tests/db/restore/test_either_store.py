"""What a restore does, to a store in a file and one in a server: whole or by kind, back, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from sqlalchemy import select

from db import tables
from db.backup.folder import pieces
from db.backup.kinds import BOOKKEEPING, KINDS
from db.backup.making import make
from db.backup.manifest import Kind
from db.backup.source import Source
from db.engine import Database, parse_url
from db.location import sqlite_file
from db.restore import rehearsal, work
from db.restore.job import Folder, Job, Step, ended, new
from db.restore.plan import EVERYTHING
from db.sample import sample_office
from db.store import Store, prepare
from db.variables.states import Actor
from tests.db.backup.test_source import call
from tests.postgres import fresh_database

CLI = Actor("root", "", "cli")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOUND = "announcements/closed.wav"
THEN, NOW = b"RIFF then", b"RIFF now"
FLOOR = 4000
OWN = ("audit", "spool_position")

Rows = dict[str, list[tuple[Any, ...]]]


def rows(url: str) -> Rows:
    database = Database(parse_url(url))
    try:
        return database.read(
            lambda reader: {
                table.name: sorted((tuple(row) for row in reader.execute(select(table))), key=repr)
                for table in tables.metadata.sorted_tables
                if table.name not in BOOKKEEPING
            }
        )
    finally:
        database.close()


def but(found: Rows, *names: str) -> Rows:
    return {name: each for name, each in found.items() if name not in names}


@dataclass(frozen=True)
class Place:
    """A store that was backed up, and has changed since."""

    url: str
    state: Path
    archive: Path
    then: Rows
    now: Rows

    @property
    def folder(self) -> Folder:
        return Folder(self.state / "restore")

    def job(self, kinds: tuple[Kind, ...] = EVERYTHING) -> Job:
        place = self.folder.place(sqlite_file(self.url), self.state, FLOOR)
        return new("admin", self.archive.name, place, kinds, NOON)

    def read(self) -> None:
        rehearsal.read(self.folder, pieces(self.archive), "")

    def exchanged(self, kinds: tuple[Kind, ...] = EVERYTHING) -> Job:
        self.read()
        job = work.exchange(self.folder, self.job(kinds), lambda _: None, self.url)
        assert job.step is Step.START_WEB, job.result
        return job

    def restored(self, kinds: tuple[Kind, ...] = EVERYTHING) -> Job:
        return work.done(self.folder, self.exchanged(kinds))

    @property
    def sound(self) -> bytes:
        return (self.state / SOUND).read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    state = tmp_path / "state"
    (state / "announcements").mkdir(parents=True)
    (state / SOUND).write_bytes(THEN)
    url = f"sqlite:///{state}/callisto.db" if request.param == "sqlite" else fresh_database(request)
    prepare(url)
    office = sample_office()
    office = replace(
        office, users=tuple(replace(each, password_hash="$argon2id$then") for each in office.users)
    )
    with Store.open(url) as store:
        store.office.write(office, CLI)
        store.variables.set("gWebTimeout", "30", CLI)
        store.variables.undo(CLI)  # rows that refer to later ones of their table
        store.variables.set("gWebTimeout", "40", CLI)
        store.calls.ingest("calls-1.jsonl", 0, [call(number) for number in range(12)], 4711)
        store.audit.note(CLI, "said", "then")
    then = rows(url)
    archive = tmp_path / "then.zip"
    make(Source(url, state, tmp_path / "work", "0.1.0"), archive)
    (state / SOUND).write_bytes(NOW)
    with Store.open(url) as store:
        store.office.write(replace(office, groups=office.groups[1:]), CLI)
        store.variables.set("gWebTimeout", "50", CLI)
        store.calls.ingest("calls-1.jsonl", 4711, [call(100)], 5000)
        store.audit.note(CLI, "said", "now")
    now = rows(url)
    assert all(then[name] != now[name] for name in ("groups", "member", "variable", "call", *OWN))
    return Place(url, state, archive, then, now)


def details(found: Rows) -> list[str]:
    return [row[-1] for row in sorted(found["audit"])]


def test_a_whole_restore_is_the_state_then(place: Place) -> None:
    with Store.open(place.url) as store:
        before = store.revision()
    done = place.restored()
    assert (done.step, done.failed) == (Step.DONE, False)
    found = rows(place.url)
    assert but(found, *OWN) == but(place.then, *OWN)
    assert found["spool_position"] == place.now["spool_position"]
    assert [each for each in details(found) if each in ("then", "now")] == ["then", "now"]
    assert place.sound == THEN
    with Store.open(place.url) as store:
        assert store.revision() > max(before, FLOOR)


@pytest.mark.parametrize("kind", ["settings", "users", "groups", "history"])
def test_a_kind_alone_leaves_the_others(place: Place, kind: Kind) -> None:
    place.restored((kind,))
    found = rows(place.url)
    taken = [name for name in KINDS[kind] if name not in OWN]
    assert {name: found[name] for name in taken} == {name: place.then[name] for name in taken}
    assert but(found, *taken, "audit") == but(place.now, *taken, "audit")
    assert set(details(place.now)) <= set(details(found))
    assert place.sound == NOW


def test_what_is_made_afterwards_gets_numbers_of_its_own(place: Place) -> None:
    place.restored()
    with Store.open(place.url) as store:
        office = store.office.read()
        store.office.write(
            replace(
                office,
                groups=(
                    *office.groups,
                    replace(office.groups[0], name="New", manager_number="499", manager=None),
                ),
            ),
            CLI,
        )
        store.variables.set("gWebTimeout", "60", CLI)
        store.variables.undo(CLI)
        store.audit.note(CLI, "said", "afterwards")
        assert {each.name for each in store.office.read().groups} == {
            *(each.name for each in office.groups), "New",
        }  # fmt: skip


def test_a_rehearsal_tells_and_changes_nothing(place: Place) -> None:
    manifest = rehearsal.read(place.folder, pieces(place.archive), "")
    plan = rehearsal.rehearse(place.folder, place.job(("groups", "media")), manifest, "", place.url)
    assert ("groups", 1) in [(each.table, each.added) for each in plan.differences]
    assert plan.files == (SOUND,)
    assert rows(place.url) == place.now
    assert place.sound == NOW


def test_the_present_state_can_be_backed_up_first(place: Place) -> None:
    place.read()
    job = rehearsal.save(place.job(), Source(place.url, place.state, place.state / "backups", "0.1.0"), "vm")
    again = replace(place, archive=place.state / "backups" / job.saved)
    again.restored()
    assert but(rows(place.url), *OWN) == but(place.now, *OWN)


def test_going_back_is_the_former_state_with_the_calls_since(place: Place) -> None:
    job = place.exchanged()
    with Store.open(place.url) as store:
        late = {**call(200), "ended": "2026-11-23T12:00:00+00:00"}
        store.calls.ingest("calls-1.jsonl", 5000, [late], 6000)
        revision = store.revision()
    done = work.go_back(place.folder, job, "nobody answers", lambda _: None, place.url)
    assert (done.step, done.failed) == (Step.UNDONE, True)
    assert "nobody answers" in done.result
    found = rows(place.url)
    assert but(found, "call", "spool_position") == but(place.now, "call", "spool_position")
    assert {row[0] for row in found["call"]} == {*(row[0] for row in place.now["call"]), "c200"}
    assert [row[1] for row in found["spool_position"]] == [6000]
    assert place.sound == NOW
    with Store.open(place.url) as store:
        assert store.revision() > revision


def test_who_would_be_locked_out_is_not(place: Place) -> None:
    place.read()
    change(place.folder.unpacked / "store.db", "UPDATE users SET password_hash = ''")
    done = work.exchange(place.folder, place.job(), lambda _: None, place.url)
    assert done.step is Step.UNDONE
    assert "nobody could log in" in done.result
    assert rows(place.url) == place.now
    assert place.sound == NOW


def change(path: Path, statement: str, *values: object) -> None:
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        raw.execute(statement, values)


_CHILD = """
import json, os, signal, sys
from db.restore import job as jobs, work
asked = json.load(sys.stdin)
folder, job = jobs.Folder(__import__("pathlib").Path(asked["folder"])), jobs.of_json(asked["job"])
def tell(now):
    if now.step.name == asked["at"]:
        os.kill(os.getpid(), signal.SIGKILL)
if asked["back"]:
    work.go_back(folder, job, "it does not do", tell, asked["url"])
else:
    work.exchange(folder, job, tell, asked["url"])
"""


def killed(place: Place, job: Job, at: Step, *, back: bool = False) -> None:
    asked = {
        "folder": str(place.folder.path),
        "job": job.as_json(),
        "at": at.name,
        "back": back,
        "url": place.url,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CHILD], input=json.dumps(asked).encode(), env=os.environ, check=False,
        timeout=120, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("at", [Step.BUILD, Step.FILES, Step.EXCHANGE, Step.START_WEB])
def test_kill_9_leaves_the_old_or_the_new_state(place: Place, at: Step) -> None:
    place.read()
    place.folder.keep(place.job())
    killed(place, place.job(), at)
    left = work.recover(place.folder, place.url)
    assert left is not None
    new_one = left.step is Step.LOOK
    assert new_one or (ended(left.step) and left.failed)
    if new_one:
        work.done(place.folder, left)
    found = rows(place.url)
    assert but(found, *OWN) == but(place.then if new_one else place.now, *OWN)
    assert place.sound == (THEN if new_one else NOW)
    assert work.recover(place.folder, place.url) is None
    place.restored()
    assert but(rows(place.url), *OWN) == but(place.then, *OWN)


def test_kill_9_on_the_way_back_is_gone_on_with(place: Place) -> None:
    job = place.exchanged()
    killed(place, job, Step.GO_BACK, back=True)
    left = work.recover(place.folder, place.url)
    assert left is not None
    assert left.step is Step.UNDONE
    assert but(rows(place.url), *OWN) == but(place.now, *OWN)
    assert place.sound == NOW
