"""When something breaks in the engine: the call it breaks in, and all the others."""

from __future__ import annotations

import pytest

from router.engine import Engine
from router.events import Event
from router.flow import step
from router.model import Contact
from router.state import Flow, Turn
from tests.fakes.clock import FakeClock
from tests.fakes.signalling import FakeSignalling
from tests.router.house import House
from tests.router.office import AWAY, group, office, person


class Broken(FakeSignalling):
    """A SIP side that fails in one place, as often as told."""

    at, times = "", 0

    def dial(self, *arguments: object, **options: object) -> None:
        self._fail("dial")
        super().dial(*arguments, **options)  # type: ignore[arg-type]

    def connect(self, *arguments: object) -> None:
        self._fail("connect")
        super().connect(*arguments)  # type: ignore[arg-type]

    def alert(self, *arguments: object) -> None:
        self._fail("alert")
        super().alert(*arguments)  # type: ignore[arg-type]

    def release(self, *arguments: object) -> None:
        super().release(*arguments)  # type: ignore[arg-type]
        self._fail("release")

    def _fail(self, at: str) -> None:
        if self.at == at and self.times:
            self.times -= 1
            raise RuntimeError("out of order")


@pytest.mark.parametrize("at", ["dial", "alert", "connect", "release"])
def test_error_in_one_call_ends_that_call_on_both_sides_and_no_other(at: str) -> None:
    broken = Broken()
    house = House(group(assistants=["B"], ring_parallel=True), sip=broken)
    other = broken.invite("200")
    broken.answers("M")
    broken.at, broken.times = at, 2
    caller = broken.invite("200")
    for _ in range(2):
        if at != "dial" and not broken.legs[caller].is_over:
            broken.rings("M")
        if at in {"connect", "release"}:
            broken.answers("M")
        if at == "release":
            broken.hang_up(caller)
            break
    (record,) = house.records.kept
    assert (record["result"], record["status"]) == ("failed", 200 if at == "release" else 500)
    assert record["steps"][-1]["text"] == "an error in the router: the call is ended"
    assert broken.legs[caller].is_over
    assert not broken.ringing_phones()
    assert broken.legs[other].state == "connected"
    assert house.engine.calls_now == 1
    broken.hang_up(other)
    assert house.is_quiet()


@pytest.mark.parametrize("at", ["dial", "alert", "connect"])
def test_after_an_error_the_managers_phone_is_rung_once(at: str) -> None:
    broken = Broken()
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20), sip=broken)
    broken.at, broken.times = at, 1
    caller = broken.invite("200")
    if at != "dial":
        broken.rings("B")
    if at == "connect":
        broken.answers("B")
    assert broken.ringing_phones() == ["M"]
    assert house.engine.fail_safe == 1
    broken.answers("M")
    broken.hang_up(caller)
    (record,) = house.records.kept
    assert (record["result"], record["agent"]) == ("answered", "M")
    assert "an error in the router: the rules are left aside" in house.steps()
    assert "the group's data cannot be used, so the manager's phone is rung: M rings" in house.steps()
    assert house.is_quiet()


@pytest.mark.parametrize("failing", [1, 2])
def test_rules_that_fail_in_the_midst_of_a_call_leave_it_to_the_managers_phone(
    failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(group(AWAY, ["B", "C"], assistant_timeout=20))
    caller = house.sip.invite("200")
    house.sip.rings("B")
    left = [failing]

    def fails(flow: Flow, event: Event) -> Turn:
        if left[0]:
            left[0] -= 1
            raise KeyError("a rule")
        return step(flow, event)

    monkeypatch.setattr("router.engine.step", fails)
    house.clock.advance(20)
    if failing == 1:
        assert house.sip.ringing_phones() == ["M"]
        assert house.published.of("notice")[-1]["why"] == "an error"
        house.clock.advance(180)
        assert house.steps()[-1] == (
            "the manager did not take the call: the caller gets 480 Temporarily Unavailable"
        )
    else:
        assert house.sip.legs[caller].status == 500
    assert house.is_quiet()


def test_caller_who_hangs_up_is_not_replaced_by_a_ringing_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(flow: Flow, event: Event) -> Turn:
        raise KeyError("a rule")

    house = House(group(AWAY, ["B"]))
    caller = house.sip.invite("200")
    monkeypatch.setattr("router.engine.step", fails)
    house.sip.hang_up(caller)
    assert house.sip.dialled() == ["B"]
    assert house.records.kept[0]["result"] == "failed"
    assert house.is_quiet()


def test_group_whose_data_cannot_be_used_sends_its_calls_to_the_managers_phone() -> None:
    torn = group(AWAY, ["B"], vip_threshold=None)
    house = House(torn, contacts=(Contact("Frei", ("0441234567",), 3),))
    caller = house.sip.invite("200")
    assert house.sip.ringing_phones() == ["M"]
    house.sip.refuses("M", 486)
    assert house.sip.legs[caller].status == 486
    assert "the group's data cannot be used" in house.steps()[1]
    assert house.engine.fail_safe == 1
    assert house.is_quiet()


def test_manager_without_an_address_is_reached_by_his_number() -> None:
    house = House(group(person("M", address="", number="20")))
    house.sip.invite("200")
    assert house.sip.phone("20").uri == "sip:20@127.0.0.1:5080;transport=udp"


def test_group_that_is_of_no_use_at_all_refuses_its_calls() -> None:
    torn = group(person("M", address=""), ["B"], vip_threshold=None)
    house = House(torn, contacts=(Contact("Frei", ("0441234567",), 3),))
    caller = house.sip.invite("200")
    assert house.sip.legs[caller].status == 500
    assert house.records.kept[0]["result"] == "failed"
    assert house.is_quiet()


def test_records_and_watchers_that_fail_hurt_no_call(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def append(self, record: dict[str, object]) -> None:
            raise OSError("no space left on device")

    class Deaf:
        def is_watched(self, topic: str) -> bool:
            return True

        def publish(self, topic: str, data: dict[str, object]) -> None:
            raise RuntimeError("nobody listens")

    sip, clock = FakeSignalling(), FakeClock()
    engine = Engine(sip, clock, Full(), Deaf(), office(group()))
    sip.listener = engine
    caller = sip.invite("200")
    sip.answers("M")
    assert sip.legs[caller].state == "connected"
    sip.hang_up(caller)
    assert engine.records_failed == 1
    assert engine.calls_now == 0
    assert "no space left on device" in caplog.text
