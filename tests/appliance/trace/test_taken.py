"""What captures take of a batch."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.trace.taken import taken, wire_line
from shell.trace.choice import EVERYTHING, Choice, matcher
from shell.trace.record import Record, to_wire

WIRES = [to_wire(Record(1.0, "router", level, "log", level)) for level in ("info", "error")]


def of(choice: Choice, **more: Any) -> tuple[bytes, int]:
    batch = taken({"process": "router", "records": WIRES, **more})
    assert batch is not None
    return batch.of(choice, matcher(choice))


def test_everything_is_every_line() -> None:
    assert of(EVERYTHING) == (b"".join(map(wire_line, WIRES)), 2)


def test_a_choice_takes_what_fits() -> None:
    assert of(Choice(level="error")) == (wire_line(WIRES[1]), 1)
    assert of(Choice(processes=("router",)))[1] == 2


def test_other_processes_are_left_out_unread() -> None:
    assert of(Choice(processes=("web",)), records=["no record"]) == (b"", 0)


def test_what_is_no_record_is_left_out_of_a_choice() -> None:
    assert of(Choice(level="error"), records=["no record", WIRES[1]]) == (wire_line(WIRES[1]), 1)


@pytest.mark.parametrize("records", [None, [], "text"])
def test_an_event_without_records_is_no_batch(records: object) -> None:
    assert taken({"process": "router", "records": records}) is None
