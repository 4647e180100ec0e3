"""The office and its calls in memory, as `shell.office_ports` wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from db.office import Office
from db.sample import sample_office
from db.stores.calls import CallRecord
from router.dryrun import Explanation, UnknownGroupError, dry_run
from router.model import Group, Peer, Person, RoutingTable
from shell.office_ports import RehearsalRefusedError

ANNA = Person("anna", "Anna", "201", "201")
TABLE = RoutingTable(
    groups={"600": Group("Sales", "600", assistants=(ANNA,), assistant_timeout=20)},
    peers=(Peer("pbx1", "192.0.2.10"),),
)


class FakeCalls:
    """Newest first in `records`."""

    def __init__(self, records: Sequence[CallRecord] = ()) -> None:
        self.records = list(records)

    async def latest(self, limit: int) -> Sequence[CallRecord]:
        return self.records[:limit]

    async def beginning(self, start: str) -> Sequence[CallRecord]:
        return [record for record in self.records if record.id.startswith(start)][:10]


class FakeOffices:
    def __init__(self, office: Office | None = None) -> None:
        self.office = office or sample_office()

    async def read(self) -> Office:
        return self.office

    async def numbers(self) -> Sequence[tuple[str, str]]:
        return sorted((team.manager_number, team.name) for team in self.office.groups if team.manager_number)


class FakeRehearsal:
    """Knows ISO times only. Without a `table` nothing is routed yet."""

    def __init__(self, table: RoutingTable | None = TABLE) -> None:
        self.table = table

    async def explain(self, called: str, caller: str, at: str) -> Explanation:
        if self.table is None:
            raise RehearsalRefusedError("calls are routed by nothing yet", "show info")
        group = self.table.groups.get(called)
        try:
            moment = (
                datetime.fromisoformat(at).replace(tzinfo=UTC) if at else datetime(2026, 11, 24, tzinfo=UTC)
            )
            return dry_run(self.table, group.name if group else called, caller, moment)
        except ValueError as exc:
            raise RehearsalRefusedError(f'"{at}" is no time', "") from exc
        except UnknownGroupError as exc:
            raise RehearsalRefusedError(str(exc), exc.hint) from exc
