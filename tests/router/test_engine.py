"""The engine on a SIP side and a clock that tests play."""

from __future__ import annotations

from router.engine import Engine
from router.model import Group
from tests.fakes.clock import FakeClock
from tests.fakes.records import KeptRecords, Published
from tests.fakes.signalling import FakeSignalling
from tests.router.office import group, office


class House:
    """An engine with everything around it."""

    def __init__(self, *groups: Group, capacity: int = 2048, **table: object) -> None:
        self.sip = FakeSignalling(capacity)
        self.clock = FakeClock()
        self.records = KeptRecords()
        self.published = Published()
        self.engine = Engine(self.sip, self.clock, self.records, self.published, office(*groups, **table))
        self.sip.listener = self.engine

    def steps(self) -> list[str]:
        (record,) = self.records.kept
        return [step["text"] for step in record["steps"]]

    def is_quiet(self) -> bool:
        """No call, no timer, no leg is left."""
        return self.engine.calls_now == 0 and self.clock.running == 0 and self.sip.legs_in_use == 0


def test_call_is_answered_and_leaves_a_record() -> None:
    house = House(group(assistants=["B"]))
    caller = house.sip.invite("200", "0791234567", "Frei")
    assert house.sip.ringing_phones() == ["M"]
    house.sip.rings("M")
    assert house.sip.legs[caller].state == "alerting"
    house.clock.advance(4)
    house.sip.answers("M")
    assert house.sip.legs[caller].state == "connected"
    house.clock.advance(60.5)
    house.sip.hang_up(caller)
    (record,) = house.records.kept
    assert {key: record[key] for key in record if key not in {"id", "steps"}} == {
        "started": "2026-11-22T10:00:00+00:00",
        "ended": "2026-11-22T10:01:04.500000+00:00",
        "answered": "2026-11-22T10:00:04+00:00",
        "caller": "0791234567",
        "caller_raw": "0791234567",
        "caller_name": "Frei",
        "dialled": "200",
        "group": "Board",
        "vip": False,
        "result": "answered",
        "status": 200,
        "agent": "M",
        "talk_s": 60.5,
        "ring_s": 4.0,
    }
    assert house.steps() == [
        "Frei (0791234567) calls 200 (Board)",
        "manager available: M rings",
        "manager available: M answered after 4 s",
        "connected for 60 s, then the caller hung up",
    ]
    assert house.is_quiet()
