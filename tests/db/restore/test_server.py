"""A restore into a PostgreSQL server: nothing of it is seen before all of it is, whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from db.errors import StoreUnavailableError
from db.restore import server, work
from db.restore.job import Job, Step
from db.store import Store, prepare
from tests.db.restore.test_either_store import CLI, NOW, OWN, THEN, Place, but, change, place, rows

__all__ = ["place"]  # a fixture

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


class Killed(BaseException):
    pass


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """When the server is asked for the so manieth time; what it has been asked."""
    asked: list[str] = []

    def before(connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if connection.dialect.name == "postgresql":
            asked.append(statement)
            if len(asked) > number:
                raise Killed

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", before)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "going back"])
def test_killed_at_any_statement_there_is_the_old_or_the_new_state(place: Place, *, backwards: bool) -> None:
    if backwards:
        job = place.exchanged()
    before, sound = rows(place.url), place.sound
    wanted = place.now if backwards else place.then
    for number in range(0, 1000, 5):
        if not backwards:
            place.read()
            job = place.job()
            place.folder.keep(job)
        try:
            with killed_at(number):
                if backwards:
                    work.go_back(place.folder, job, "it does not do", lambda _: None, place.url)
                else:
                    work.done(place.folder, work.exchange(place.folder, job, lambda _: None, place.url))
            break
        except Killed:
            pass
        assert rows(place.url) == before, number
        if not backwards:
            left = work.recover(place.folder, place.url)
            assert left is not None
            assert left.step is Step.UNDONE
            assert place.sound == sound
    assert number > 20
    assert but(rows(place.url), *OWN) == but(wanted, *OWN)
    assert place.sound == (NOW if backwards else THEN)


def test_killed_after_the_commit_it_is_finished(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = server._Server.commit

    def and_die(self: server._Server) -> None:
        commit(self)
        raise Killed

    place.read()
    with monkeypatch.context() as patch:
        patch.setattr(server._Server, "commit", and_die)
        with pytest.raises(Killed):
            work.exchange(place.folder, place.job(), lambda _: None, place.url)
    left = work.recover(place.folder, place.url)
    assert left is not None
    assert left.step is Step.LOOK
    assert work.done(place.folder, left).step is Step.DONE
    assert but(rows(place.url), *OWN) == but(place.then, *OWN)


def end_connections(url: str) -> None:
    """As when the server is stopped."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'callisto restore' AND datname = current_database()"
        )


def test_a_connection_that_is_lost_at_the_commit_is_asked_for_its_outcome(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = server._Server.commit

    def lose(self: server._Server) -> None:
        end_connections(place.url)
        commit(self)

    place.read()
    monkeypatch.setattr(server._Server, "commit", lose)
    done = work.exchange(place.folder, place.job(), lambda _: None, place.url)
    assert (done.step, done.failed) == (Step.UNDONE, True)
    assert done.hint
    assert rows(place.url) == place.now
    assert place.sound == NOW


def test_a_server_that_is_gone_is_asked_again(place: Place) -> None:
    place.read()
    states: list[Job] = []
    work.exchange(place.folder, place.job(), states.append, place.url)
    (left,) = (each for each in states if each.step is Step.EXCHANGE)
    place.folder.keep(left)
    with pytest.raises(StoreUnavailableError):
        work.recover(place.folder, "postgresql://nobody@/nothing?host=/nowhere")
    kept = place.folder.job()
    assert kept is not None
    assert kept.step is Step.EXCHANGE
    found = work.recover(place.folder, place.url)
    assert found is not None
    assert found.step is Step.LOOK


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE call SET caller_name = 'x' || char(0) || 'y'", "row of call"),
        ("UPDATE users SET name = hex(zeroblob(4000))", "row of users"),
        ("UPDATE groups SET manager_timeout = 99999999999", "row of groups"),
        ("UPDATE call SET ended = 'at noon'", "row of call"),
    ],
)
def test_what_only_sqlite_keeps_is_refused_and_nothing_touched(
    place: Place, statement: str, why: str
) -> None:
    place.read()
    change(place.folder.unpacked / "store.db", statement)
    done = work.exchange(place.folder, place.job(), lambda _: None, place.url)
    assert done.step is Step.UNDONE
    assert why in done.result
    assert done.hint
    assert rows(place.url) == place.now
    assert place.sound == NOW
    assert not list(place.folder.path.glob("server.db*")), "copies of password hashes"


def test_who_writes_meanwhile_waits_and_loses_nothing(place: Place) -> None:
    """And who starts meanwhile waits too."""
    began = threading.Event()
    over: list[str] = []

    def write() -> None:
        began.set()
        with Store.open(place.url) as store:
            store.audit.note(CLI, "said", "meanwhile")
        over.append("written")

    def start() -> None:
        prepare(place.url)
        over.append("started")

    threads = [threading.Thread(target=each) for each in (write, start)]

    def tell(job: Job) -> None:
        if job.step is Step.FILES:
            for each in threads:
                each.start()
            assert began.wait(10)
        elif job.step is Step.EXCHANGE:
            assert over == []

    place.read()
    work.done(place.folder, work.exchange(place.folder, place.job(), tell, place.url))
    for each in threads:
        each.join(30)
    assert sorted(over) == ["started", "written"]
    assert "meanwhile" in [row[-1] for row in rows(place.url)["audit"]]


def test_what_stays_is_for_the_owner_alone(place: Place) -> None:
    for _ in range(2):
        place.restored()
    kept = list(place.folder.path.glob("server.db*"))
    assert [each.name for each in kept] == ["server.db.before-restore-20261122-120000"]
    assert [each.stat().st_mode & 0o777 for each in kept] == [0o600]
    assert "password" not in (place.folder.path / "job.json").read_text()


def test_a_store_that_is_not_of_this_version_is_not_restored_into(place: Place) -> None:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    place.read()
    done = work.exchange(place.folder, place.job(), lambda _: None, place.url)
    assert done.step is Step.UNDONE
    assert "newer version" in done.result
