"""One wall clock for the planner and for APScheduler, which reads its own."""

from __future__ import annotations

from datetime import datetime, tzinfo

import pytest

from tests.scheduler.shifted import ShiftedClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ShiftedClock:
    shifted = ShiftedClock()

    class ShiftedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return shifted.now().astimezone(tz)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", ShiftedDatetime)
    monkeypatch.setattr("apscheduler.executors.base.datetime", ShiftedDatetime)
    return shifted
