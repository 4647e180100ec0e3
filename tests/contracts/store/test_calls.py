"""Call records, runs of jobs, and the audit trail."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.store import Store
from db.stores.calls import Step
from db.stores.jobs import JobRun
from tests.contracts.store.given import ANNA, BERTA, record


def test_a_call_comes_back_whole(store: Store) -> None:
    store.calls.ingest("calls-1.jsonl", 0, [record()], 400)
    call = store.calls.latest()[0]
    assert call.started == datetime(2026, 11, 22, 13, 1, 0, 250000, tzinfo=UTC)
    assert call.started.tzinfo is UTC
    assert call.answered is not None
    assert (call.caller, call.caller_raw, call.agent) == ("441234567", "0441234567", "berta")
    assert (call.vip, call.status, call.ring_s) == (False, 200, 8.75)
    assert call.steps == (Step(0.0, "manager away: assistant 1 of 2, Berta, rings"),)


def test_records_and_position_are_kept_together_and_once(store: Store) -> None:
    first = [record(1), record(2)]
    assert store.calls.ingest("a", 0, first, 800) == 2
    assert store.calls.position("a") == 800
    assert store.calls.ingest("a", 0, first, 800) == 0
    assert store.calls.ingest("a", 1200, [record(3)], 1600) == 0
    assert store.calls.position("a") == 800
    assert store.calls.ingest("b", 0, [record(2), record(3)], 800) == 1
    assert store.calls.count() == 3


def test_two_who_ingest_the_same_at_once_keep_it_once(store: Store, url: str) -> None:
    kept: list[int] = []
    with Store.open(url) as other:
        together = threading.Barrier(2, timeout=60)

        def ingest(store: Store) -> None:
            for batch in range(10):
                together.wait()
                records = [record(10 * batch + each) for each in range(10)]
                kept.append(store.calls.ingest("a", 100 * batch, records, 100 * (batch + 1)))

        both = [threading.Thread(target=ingest, args=(each,)) for each in (store, other)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert sum(kept) == store.calls.count() == 100
    assert store.calls.position("a") == 1000


@pytest.mark.parametrize(
    "damage",
    [
        {"id": ""}, {"id": None}, {"started": "yesterday"}, {"started": "2026-11-22T14:00:00"},
        {"started": "0001-01-01T00:00:00+14:00"}, {"ended": None}, {"talk_s": "NaN"}, {"ring_s": "long"},
        {"status": "ok"}, {"steps": [17]}, {"steps": 17},
    ],
    ids=repr,
)  # fmt: skip
def test_a_record_that_cannot_be_read_does_not_hold_up_the_others(
    store: Store, damage: dict[str, Any]
) -> None:
    assert store.calls.ingest("a", 0, [record(1, **damage), record(2)], 800) == 1
    assert store.calls.position("a") == 800


def test_a_record_with_odd_text_and_missing_fields_is_kept(store: Store) -> None:
    odd = record(1, caller_name="x\0y\ud800" + "z" * 500, caller="9" * 5000, steps=[{"text": "a\0b"}])
    for name in ("answered", "agent", "talk_s", "vip", "status"):
        del odd[name]
    assert store.calls.ingest("a", 0, [odd], 800) == 1
    call = store.calls.latest()[0]
    assert (len(call.caller), len(call.caller_name)) == (128, 128)
    assert (call.answered, call.agent, call.status) == (None, None, 0)
    assert call.steps == (Step(0.0, "a\ufffdb"),)


def test_job_runs_come_back_newest_first(store: Store) -> None:
    due = datetime(2026, 11, 22, 2, tzinfo=UTC)
    done = JobRun("web restart", "gWebServerRestart", due, due, due + timedelta(seconds=2), "done")
    missed = JobRun("proxy restart", "gCocProxyRestart", due, None, None, "missed: the system was off")
    store.jobs.record(done)
    store.jobs.record(missed)
    assert store.jobs.latest() == (missed, done)
    assert store.jobs.latest(1, variable="gWebServerRestart") == (done,)


def test_the_audit_trail_keeps_who_did_what(store: Store) -> None:
    store.audit.note(ANNA, "login", "refused: wrong password")
    store.audit.note(BERTA, "logout")
    latest, earlier = store.audit.latest()
    assert (latest.actor, latest.action) == (BERTA, "logout")
    assert (earlier.actor, earlier.detail) == (ANNA, "refused: wrong password")
    assert earlier.at.tzinfo is UTC
