"""Who is an available assistant: presence, and what his phone does."""

from __future__ import annotations

import pytest

from router.call import Skip
from router.engine import Engine
from router.lines import Lines
from router.model import ForwardKind, Group
from tests.fakes.clock import FakeClock
from tests.fakes.records import KeptRecords, Published
from tests.fakes.signalling import FakeSignalling
from tests.router.house import House
from tests.router.office import AWAY, Script, forwarded_to, group, office, overflow_to, person


@pytest.mark.parametrize("skip", [Skip.IN_CALL, Skip.NOT_REGISTERED])
def test_phone_that_cannot_take_a_call_is_passed_over_and_told(skip: Skip) -> None:
    call = Script(group(AWAY, ["B", "C"]), unfit={"B": skip})
    assert call.offered() == ["Ring C"]
    assert call.told()[1] == f"assistant 1 of 2, B, {skip.value}: not rung"


@pytest.mark.parametrize(
    ("kind", "rings"),
    [
        (ForwardKind.LINE_UNCONDITIONAL, "C"),
        (ForwardKind.LINE_BUSY, "B"),
        (ForwardKind.LINE_NO_ANSWER, "B"),
    ],
)
def test_assistant_who_has_forwarded_his_line_is_not_available(kind: ForwardKind, rings: str) -> None:
    people = [person("B", forwards=forwarded_to("0799", kind)), "C"]
    assert Script(group(AWAY, people)).offered() == [f"Ring {rings}"]
    assert Script(group(AWAY, people, need_unforwarded=False)).offered() == ["Ring B"]


def board(name: str = "Board", number: str = "200", **more: object) -> Group:
    people = [person("B", number="21"), person("C", number="22")]
    return group(AWAY, people, name=name, manager_number=number, **more)


def test_assistant_who_talks_or_is_rung_through_us_is_not_rung_for_another_call() -> None:
    house = House(board(), board("Sales", "300"))
    first = house.sip.invite("200")
    second = house.sip.invite("300")
    assert house.sip.ringing_phones() == ["B", "C"]
    house.sip.hang_up(second)
    house.sip.answers("B")
    second = house.sip.invite("300")
    assert house.sip.ringing_phones() == ["C"]
    house.sip.hang_up(second)
    house.sip.hang_up(first)
    house.sip.invite("300")
    assert house.sip.ringing_phones() == ["B"]
    texts = [data["text"] for data in house.published.of("call", "step")]
    assert texts.count("assistant 1 of 2, B, is in a call: not rung") == 2


def test_assistant_who_calls_through_us_is_in_a_call() -> None:
    house = House(board(), board("Sales", "300", overflow=overflow_to("900")))
    house.sip.invite("300", "21")
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["C"]


def test_being_idle_may_be_of_no_concern() -> None:
    house = House(board(need_idle=False))
    for _ in range(2):
        house.sip.invite("200")
    assert house.sip.dialled() == ["B", "B"]


def test_phone_that_refuses_or_is_lost_is_free_again() -> None:
    house = House(board(assistant_timeout=10))
    first = house.sip.invite("200")
    house.sip.refuses("B")
    assert house.sip.ringing_phones() == ["C"]
    house.clock.advance(10)
    assert house.sip.legs[first].is_over
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["B"]


@pytest.mark.parametrize(
    ("needed", "known", "rings"),
    [(True, False, "C"), (True, True, "B"), (True, None, "B"), (False, False, "B")],
)
def test_phone_that_is_not_registered_is_not_rung(*, needed: bool, known: bool | None, rings: str) -> None:
    def reachable(address: str) -> bool | None:
        return known if address == "sip:B@127.0.0.1" else None

    sip, table = FakeSignalling(), office(board(need_registered=needed))
    sip.listener = Engine(sip, FakeClock(), KeptRecords(), Published(), table, reachable=reachable)
    sip.invite("200")
    assert sip.ringing_phones() == [rings]


def test_lines_are_counted() -> None:
    lines = Lines()
    lines.take("B")
    lines.take("B")
    lines.take("")
    lines.drop("B")
    assert "B" in lines
    lines.drop("B")
    lines.drop("B")
    assert ("B" in lines, len(lines)) == (False, 0)


def test_nobody_stays_in_a_call_that_has_ended() -> None:
    house = House(board())
    for end in ("caller", "phone"):
        caller = house.sip.invite("200", "21")
        house.sip.answers("C")
        house.sip.hang_up(caller if end == "caller" else house.sip.phone("C").id)
    assert house.is_quiet()
    house.sip.invite("200")
    assert house.sip.ringing_phones() == ["B"]
