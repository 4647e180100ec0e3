"""What the shell shows of the office, in memory and from store and routing table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.rehearsal import TableRehearsal
from appliance.routing_file import write
from db.sample import sample_office
from db.store import Store, prepare
from db.stores.calls import CallRecord
from db.variables.states import Actor
from router.table import encode
from shell.office_ports import OfficeView, RehearsalRefusedError
from shell.store_ports import StoreCalls, StoreOffices
from tests.fakes.office_ports import TABLE, FakeCalls, FakeOffices, FakeRehearsal

CLI = Actor("root", "", "cli")


def raw(name: str, minute: int) -> dict[str, object]:
    at = f"2026-11-22T14:{minute:02d}:00+00:00"
    return {"id": name, "started": at, "ended": at, "caller": "044", "result": "busy", "status": 486}


def record(name: str, minute: int) -> CallRecord:
    at = datetime(2026, 11, 22, 14, minute, tzinfo=UTC)
    return CallRecord(
        name, at, at, None, "044", "", "", "", "", False, "busy", 486, None, 0.0, 0.0, ()
    )  # fmt: skip


@pytest.fixture(params=["fake", "real"])
def view(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OfficeView]:
    """The sample office, two calls, and one group that is routed."""
    if request.param == "fake":
        calls = FakeCalls([record("ab%2", 7), record("ab1", 5)])
        yield OfficeView(calls, FakeOffices(), FakeRehearsal())
        return
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    write(tmp_path / "routing.json", encode(TABLE))
    with Store.open(url) as store:
        store.office.write(sample_office(), CLI)
        store.calls.ingest("spool", 0, [raw("ab1", 5), raw("ab%2", 7)], 10)
        rehearsal = TableRehearsal(tmp_path / "routing.json", lambda: ZoneInfo("UTC"))
        yield OfficeView(StoreCalls(store), StoreOffices(store), rehearsal)


async def test_calls_come_newest_first_and_are_found_by_the_beginning_of_their_id(view: OfficeView) -> None:
    assert [call.id for call in await view.calls.latest(5)] == ["ab%2", "ab1"]
    assert [call.id for call in await view.calls.latest(1)] == ["ab%2"]
    assert [call.id for call in await view.calls.beginning("ab1")] == ["ab1"]
    assert [call.id for call in await view.calls.beginning("ab%")] == ["ab%2"]
    assert [call.id for call in await view.calls.beginning("ab")] == ["ab%2", "ab1"]
    assert not await view.calls.beginning("x")


async def test_the_office_is_read_whole(view: OfficeView) -> None:
    office = await view.offices.read()
    assert [user.user for user in office.users] == [user.user for user in sample_office().in_order().users]
    assert len(office.groups) == len(sample_office().groups)
    assert await view.offices.numbers() == [("100", "Management"), ("110", "Workshop")]


@pytest.mark.parametrize("called", ["600", "Sales", "sales"])
async def test_a_call_is_rehearsed_by_number_and_by_group(view: OfficeView, called: str) -> None:
    found = await view.rehearsal.explain(called, "0441234567", "2026-12-24 10:00")
    assert (found.group, set(found.phones)) == ("Sales", {"Anna"})
    assert (found.at.day, found.at.hour) == (24, 10)
    assert (await view.rehearsal.explain(called, "0441234567", "")).group == "Sales"


async def test_what_cannot_be_rehearsed_is_refused_with_what_is_right(view: OfficeView) -> None:
    with pytest.raises(RehearsalRefusedError) as refused:
        await view.rehearsal.explain("Sails", "044", "")
    assert "Sales" in refused.value.hint
    with pytest.raises(RehearsalRefusedError, match="is no time"):
        await view.rehearsal.explain("600", "044", "at tea time")


async def test_without_a_routing_table_nothing_is_rehearsed(tmp_path: Path) -> None:
    for rehearsal in (
        FakeRehearsal(None),
        TableRehearsal(tmp_path / "routing.json", lambda: ZoneInfo("UTC")),
    ):
        with pytest.raises(RehearsalRefusedError, match="routed by nothing yet"):
            await rehearsal.explain("600", "044", "")
