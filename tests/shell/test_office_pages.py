"""Calls, the office, and a call that is not made, as commands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from db.office import Office as People
from db.sample import sample_office
from db.stores.calls import CallRecord, Step
from tests.fakes.shell_ports import Office
from tests.shell.test_session import run

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CALL = CallRecord(
    id="4f1c9a2e-0000-4000-8000-000000000001",
    started=AT,
    ended=AT + timedelta(seconds=90),
    answered=AT + timedelta(seconds=12),
    caller="0441234567",
    caller_raw="0441234567",
    caller_name="Hofer",
    dialled="600",
    group="Sales",
    vip=True,
    result="answered",
    status=200,
    agent="berta",
    talk_s=78.0,
    ring_s=12.0,
    steps=(Step(0.0, "the manager is away"), Step(12.0, "Berta answers " + "and so on " * 12)),
)


def office(*calls: CallRecord) -> Office:
    made = Office()
    made.calls.records = list(calls)
    return made


async def test_the_latest_calls_are_listed_with_what_came_of_them() -> None:
    missed = replace(CALL, id="77aa0000-1", caller_name="", caller="", result="abandoned", status=487)
    shown = await run(office(missed, CALL), "show calls", "show calls | count")
    first, second = [line.split() for line in shown.splitlines() if line.startswith(("77aa", "4f1c"))]
    assert first[:6] == ["77aa0000", "2026-11-24", "10:30", "anonymous", "Sales", "abandoned"]
    assert second[:5] == ["4f1c9a2e", "2026-11-24", "10:30", "Hofer", "Sales"]
    assert " ".join(second[5:]) == "answered by berta, 1 min"
    assert shown.splitlines()[-2:] == ["callisto# show calls | count", "2"]
    assert "There has been no call yet." in await run(office(), "show calls")


async def test_one_call_is_shown_with_its_explanation_in_the_times_of_the_wall() -> None:
    shown = await run(office(CALL), "show call 4f1c")
    assert "Hofer (0441234567), VIP" in shown
    assert "10:30:00  the manager is away" in shown
    assert "10:30:12  Berta answers" in shown
    assert max(map(len, shown.splitlines())) <= 80
    data = (await run(office(CALL), "show call 4f1c | json")).split("json\n", 1)[1].rpartition("}")[0] + "}"
    assert json.loads(data)["steps"][0] == {"at_s": 0.0, "text": "the manager is away"}


async def test_a_call_that_is_not_there_or_not_the_only_one_is_said() -> None:
    other = replace(CALL, id="4f1d")
    shown = await run(office(CALL, other), "show call 4f", "show call 99", "show call ?")
    assert "% '4f' is the beginning of several calls" in shown
    assert "% there is no call '99'" in shown
    assert "4f1c9a2e" in shown.split("show call ?")[1]


async def test_the_office_and_its_groups_are_shown_and_not_changed() -> None:
    group = sample_office().groups[0]
    shown = await run(office(), "show office", "show groups", f"show groups {group.manager_number}")
    for user in sample_office().users:
        assert user.name in shown
    assert "callisto import FILE" in shown
    one = shown.split(f"show groups {group.manager_number}")[1]
    assert one.count("Assistant ") >= len(group.members)
    assert "% there is no group 'nowhere'" in await run(office(), "show groups nowhere")


async def test_an_office_without_anybody_is_said() -> None:
    empty = office()
    empty.offices.office = People()
    shown = await run(empty, "show groups", "show office")
    assert "There is no group." in shown
    assert "0 people, 0 groups" in shown


async def test_a_call_that_is_not_made_is_explained() -> None:
    shown = await run(office(), "explain 600 from 0441234567 at 2026-12-24 10:00", "explain sales")
    assert "If 0441234567 called Sales on Thursday, 2026-12-24 at 10:00" in shown
    assert " ".join(shown.split()).count("486 Busy Here") == 2
    data = (await run(office(), "explain 600 | json")).split("json\n", 1)[1].rpartition("}")[0] + "}"
    assert json.loads(data)["phones"][0] == "Anna"


async def test_what_cannot_be_explained_is_said_with_what_is_right() -> None:
    shown = await run(office(), "explain Sails", "explain 600 at noon", "explain")
    assert "% no group 'Sails'" in shown
    assert "Sales" in shown.split("explain Sails")[1]
    assert "is no time" in shown
    assert "% explain: NUMBER is missing" in shown
