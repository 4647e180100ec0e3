"""A PostgreSQL server's store, looked through and put right on a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from db.engine import parse_url
from db.repair import report, server
from db.repair.found import of_json
from db.repair.job import Folder, Job, new
from db.repair.steps import Step
from db.repair.work import recover
from db.sample import sample_office
from db.store import Store, prepare
from db.variables.states import Actor
from tests.postgres import fresh_database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    url = fresh_database(request, prepare)
    with Store.open(url) as store:
        store.office.write(sample_office(), Actor("root", "", "cli"))
    return url


def sql(url: str, *statements: str) -> None:
    engine = create_engine(parse_url(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for each in statements:
            connection.execute(text(each))


def lame(url: str) -> None:
    """An index that has no entries of some rows, which its server believes to be whole."""
    ready = "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'ix_audit_lame'::regclass"
    columns = '(at, "user", address, channel, action, detail)'
    row = f"INSERT INTO audit {columns} VALUES (now(), 'a', '', '', '', '')"
    sql(url, "CREATE INDEX ix_audit_lame ON audit (detail)", ready.format("false"), row, ready.format("true"))


def job(url: str, *, force: bool = False) -> Job:
    shown = make_url(url).render_as_string(hide_password=True)
    return new("admin", shown, 0, NOON, force=force)


def test_a_sound_store_is_left_alone(url: str, tmp_path: Path) -> None:
    assert server.diagnose(url).verdict == "sound"
    steps: list[Step] = []
    done = server.repair(Folder(tmp_path), job(url), lambda at: steps.append(at.step), url)
    assert (done.step, done.result, done.failed) == (Step.UNDONE, server.SOUND, False)
    assert Step.REINDEX not in steps


def test_an_index_that_lacks_rows_is_found_and_made_anew(url: str, tmp_path: Path) -> None:
    lame(url)
    found = server.diagnose(url)
    assert found.verdict == "indexes"
    assert found.findings[0].startswith("index ix_audit_lame: ")
    assert of_json(found.as_json()) == found
    folder = Folder(tmp_path)
    done = server.repair(folder, job(url), lambda _: None, url)
    assert (done.step, done.failed) == (Step.DONE, False)
    assert server.diagnose(url).verdict == "sound"
    (told,) = folder.reports()
    assert told["notes"] == ["made anew: ix_audit_lame"]
    assert next(each for each in told["tables"] if each["table"] == "groups")["kept"] > 0
    assert any("made anew by the server" in line for line in report.lines(told))


def test_an_unusable_index_is_made_anew(url: str, tmp_path: Path) -> None:
    sql(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'pk_contact'::regclass")
    done = server.repair(Folder(tmp_path), job(url), lambda _: None, url)
    assert done.step is Step.DONE
    assert server.diagnose(url).verdict == "sound"


def test_a_right_that_is_missing_is_named_with_what_gives_it(url: str, tmp_path: Path) -> None:
    grant = "GRANT ALL ON ALL TABLES IN SCHEMA public TO plain"
    sql(url, "DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN", grant)
    as_plain = make_url(url).set(username="plain").render_as_string(hide_password=False)
    found = server.diagnose(as_plain)
    assert found.verdict == "sound"
    assert "CREATE EXTENSION IF NOT EXISTS amcheck" in found.notes[0]
    sql(url, "CREATE EXTENSION amcheck")
    grant = server.diagnose(as_plain).notes[0].partition("superuser: ")[2]
    assert grant.startswith("GRANT EXECUTE")
    sql(url, grant)
    assert server.diagnose(as_plain).notes == ()
    sql(url, "DROP OWNED BY plain", "DROP ROLE plain")


def test_a_server_that_does_not_answer_is_said(tmp_path: Path) -> None:
    gone = "postgresql://nobody@127.0.0.1:1/x"
    done = server.repair(Folder(tmp_path), job(gone), lambda _: None, gone)
    assert done.failed
    assert done.hint


def test_a_killed_one_is_told_at_the_next_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    at = job("postgresql://u@127.0.0.1/x")
    folder.keep_job(at)
    found = recover(folder)
    assert found is not None
    assert (found.step, found.failed) == (Step.UNDONE, True)
