"""The engine on a SIP side and a clock that tests play."""

from __future__ import annotations

from router.engine import Engine
from router.model import Group
from tests.fakes.clock import FakeClock
from tests.fakes.records import KeptRecords, Published
from tests.fakes.signalling import FakeSignalling
from tests.router.office import office


class House:
    """An engine with everything around it."""

    def __init__(
        self, *groups: Group, capacity: int = 2048, sip: FakeSignalling | None = None, **table: object
    ) -> None:
        self.sip = sip or FakeSignalling(capacity)
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
