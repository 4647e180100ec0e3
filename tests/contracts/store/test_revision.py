"""What processes read raises the revision, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from db.sample import sample_office
from db.store import Store
from db.stores.jobs import JobRun
from tests.contracts.store.given import ANNA, record


def test_the_revision_rises_with_what_processes_read(store: Store) -> None:
    steps: list[Callable[[], object]] = [
        lambda: store.variables.set("gWebTimeout", "30", ANNA),
        lambda: store.variables.undo(ANNA),
        lambda: store.variables.set("gWebTimeout", "30", ANNA),
        lambda: store.variables.reset("gWebTimeout", ANNA),
        lambda: store.accounts.ensure_admin("first"),
        lambda: store.accounts.set_password("admin", "second", ANNA),
        lambda: store.office.write(sample_office(), ANNA),
    ]
    for step in steps:
        before = store.revision()
        step()
        assert store.revision() == before + 1


def test_the_revision_stays_with_what_only_people_read(store: Store) -> None:
    before = store.revision()
    due = datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert store.calls.ingest("calls-1.jsonl", 0, [record()], 400) == 1
    store.audit.note(ANNA, "login", "")
    store.jobs.record(JobRun("web restart", "gWebServerRestart", due, due, due, "done"))
    assert store.revision() == before
