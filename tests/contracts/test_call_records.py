"""What every place for call records keeps: the fake and the spool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router.ports import CallRecords
from router.spool import Spool, pending, read_batch
from tests.fakes.records import KeptRecords

Kept = Callable[[], list[dict[str, Any]]]


class CallRecordsContract:
    """`place` is empty; `kept` says what a reader finds in it."""

    @pytest.fixture
    def place(self) -> CallRecords:
        raise pytest.UsageError("a contract is run on an implementation")

    @pytest.fixture
    def kept(self, place: CallRecords) -> Kept:
        raise pytest.UsageError("a contract is run on an implementation")

    def test_record_is_there_when_append_returns(self, place: CallRecords, kept: Kept) -> None:
        place.append({"id": "1", "steps": [{"at_s": 0.5, "text": "Zoë rings"}], "agent": None})
        assert kept() == [{"id": "1", "steps": [{"at_s": 0.5, "text": "Zoë rings"}], "agent": None}]

    def test_records_stay_in_order(self, place: CallRecords, kept: Kept) -> None:
        for number in range(20):
            place.append({"id": number})
        assert [record["id"] for record in kept()] == list(range(20))

    def test_later_change_of_a_record_does_not_reach_what_is_kept(
        self, place: CallRecords, kept: Kept
    ) -> None:
        steps: list[object] = ["first"]
        place.append({"steps": steps})
        steps.append("second")
        assert kept() == [{"steps": ["first"]}]

    def test_record_that_is_no_json_is_refused_and_hurts_no_other(
        self, place: CallRecords, kept: Kept
    ) -> None:
        with pytest.raises(TypeError):
            place.append({"id": object()})
        place.append({"id": 2})
        assert kept() == [{"id": 2}]


class TestKeptRecords(CallRecordsContract):
    @pytest.fixture
    def place(self) -> KeptRecords:
        return KeptRecords()

    @pytest.fixture
    def kept(self, place: KeptRecords) -> Kept:  # type: ignore[override]
        return lambda: place.kept


class TestSpool(CallRecordsContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Spool]:  # type: ignore[override]
        spool = Spool(tmp_path)
        yield spool
        spool.close()

    @pytest.fixture
    def kept(self, place: Spool, tmp_path: Path) -> Kept:  # type: ignore[override]
        return lambda: [
            record for file in pending(tmp_path) for record in read_batch(file.path, 0, 1000).records
        ]
