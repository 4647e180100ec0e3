"""The trace of a process of one loop."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from appliance.trace.loop_source import MOST_WAITING, ROOM, SLICE, LoopSource
from shell.trace.record import Record
from tests.appliance.trace.loop import Wire

log = logging.getLogger("router.sip.switchboard")


class Loop:
    """`spent`: the seconds that making each record takes."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.spent = self._at = 0.0
        self.told: list[str] = []
        self.source = LoopSource(
            "media",
            self.wire,
            began=lambda: self.told.append("began"),
            ended=lambda: self.told.append("ended"),
            clock=lambda: 5.0,
            spent=self._time,
        )
        self._now = 0.0

    def _time(self) -> float:
        self._at += self.spent / 2
        return self._at

    def turns(self, count: int = 1) -> None:
        for _ in range(count):
            self._now += 0.2
            self.source.turn(self._now)


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.wire.looked_at = False
    made.turns()


def record(text: str) -> Record:
    return Record(1.0, "media", "info", "log", text)


def test_what_is_logged_is_told_while_somebody_looks(loop: Loop) -> None:
    log.warning("before")
    loop.wire.looked_at = True
    loop.turns()
    log.warning("leg %d: password=%s", 7, "zq9")
    loop.turns(2)
    assert [(each.process, each.level, each.text) for each in loop.wire.records] == [
        ("media", "warning", "leg 7: password=***")
    ]
    loop.wire.looked_at = False
    loop.turns()
    log.warning("after")
    loop.turns(2)
    assert len(loop.wire.records) == 1
    assert loop.told == ["began", "ended"]


def test_while_nobody_looks_no_handler_is_in_the_way(loop: Loop) -> None:
    before = list(logging.getLogger().handlers)
    loop.turns(3)
    assert logging.getLogger().handlers == before
    loop.wire.looked_at = True
    loop.turns()
    assert len(logging.getLogger().handlers) == len(before) + 1


def test_what_is_too_much_is_left_out_and_the_gap_is_told(loop: Loop) -> None:
    loop.wire.looked_at = True
    loop.turns()
    for number in range(MOST_WAITING + 500):
        loop.source.put(record(str(number)))
    loop.turns(3)
    told = loop.wire.records
    assert [each.text for each in told[:MOST_WAITING]] == [str(number) for number in range(MOST_WAITING)]
    assert [each.text for each in told[MOST_WAITING:]] == [
        "[... 500 records are left out here: more came than there is time for ...]"
    ]
    first = [batch["first"] for batch in loop.wire.batches]
    assert first[-1] == MOST_WAITING + 500


def test_messages_may_wait_only_as_far_as_there_is_room(loop: Loop) -> None:
    loop.wire.looked_at = True
    loop.turns()
    for _ in range(20):
        loop.source.put(lambda: record("large"), ROOM // 10)
    loop.turns(3)
    texts = [each.text for each in loop.wire.records]
    assert texts.count("large") == 10
    assert "10 records are left out" in texts[-1]
    loop.source.put(lambda: record("later"), ROOM)
    loop.turns(2)
    assert loop.wire.records[-1].text == "later"


def test_calls_have_the_rest_of_each_turn(loop: Loop) -> None:
    loop.wire.looked_at = True
    loop.turns()
    loop.spent = SLICE / 4
    for number in range(20):
        loop.source.put(record(str(number)))
    loop.turns()
    assert 1 <= loop.source.waiting <= 18
    loop.turns(30)
    assert loop.source.waiting == 0
    assert len(loop.wire.records) == 20


def test_an_error_over_one_record_ends_nothing(loop: Loop) -> None:
    loop.wire.looked_at = True
    loop.turns()
    loop.source.put(lambda: record(str(1 // 0)))
    loop.source.put(record("the next"))
    loop.turns(2)
    assert [each.text for each in loop.wire.records] == [
        "something could not be shown: ZeroDivisionError",
        "the next",
    ]


def test_the_last_words_are_told(loop: Loop) -> None:
    loop.wire.looked_at = True
    loop.turns()
    log.warning("stopping")
    loop.source.close()
    assert [each.text for each in loop.wire.records] == ["stopping"]
