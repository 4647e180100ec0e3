"""What is said of a call: its record, and `callisto explain` for one that is not made. Rule 10."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from router.model import Presence, VipEntry
from tests.journeys.rules import BUSY, CALLER, Desk

AWAY: dict[str, Any] = {"presence": Presence.AWAY}


def test_the_record_tells_step_by_step_who_was_offered_why_how_long_and_with_what_result(desk: Desk) -> None:
    people = {"mia": AWAY, "cleo": {"presence": Presence.DND}}
    desk.opens("ben", "cleo", "dan", people=people, assistant_timeout=1)
    side = desk.calls()
    desk.ben.stops_ringing(desk.ben.rings())
    desk.connects(side, desk.dan, desk.dan.rings())
    desk.hangs_up(side, desk.dan)
    steps = desk.story()
    record = desk.record()
    assert [step.text for step in record.steps] == steps
    assert [without_times(step) for step in steps] == [
        f"Petra ({CALLER}) calls {desk.number} ({desk.group})",
        "assistant 2 of 3, Cleo, does not want to be disturbed: not rung",
        "manager away: assistant 1 of 3, Ben, rings",
        "manager away: assistant 1 of 3, Ben, rang, no answer",
        "manager away: assistant 3 of 3, Dan, rings",
        "manager away: assistant 3 of 3, Dan, answered, speech from phone to phone",
        "connected, then the caller hung up",
    ]
    assert (record.result, record.agent, record.caller, record.caller_name) == (
        "answered",
        "dan",
        CALLER,
        "Petra",
    )
    assert record.ring_s >= 1
    times = [step.at_s for step in record.steps]
    assert times == sorted(times)
    assert times[3] == pytest.approx(1, abs=0.3)


def without_times(step: str) -> str:
    words = step.replace(" after ", " ").replace(" for ", " ").split(" ")
    kept = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        is_time = word.replace(".", "").isdigit() and following.rstrip(",") == "s"
        kept += [] if is_time else [word]
    return " ".join(kept).replace(" s,", ",").removesuffix(" s")


@pytest.mark.parametrize(
    ("people", "rules"),
    [
        ({}, {"ring_parallel": True}),
        ({"mia": AWAY}, {}),
        ({"mia": AWAY}, {"vip": (VipEntry(CALLER, "Bank"),)}),
        ({"mia": AWAY, "ben": AWAY}, {}),
    ],
    ids=["parallel", "away", "vip", "ben away"],
)
def test_the_dry_run_says_what_the_call_that_is_made_then_does(
    desk: Desk, people: dict[str, Any], rules: dict[str, Any]
) -> None:
    desk.opens("ben", "cleo", people=people, overflow=BUSY, **rules)
    foreseen = desk.site.appliance.callisto("explain", "--group", desk.group, "--from", CALLER)
    assert foreseen.returncode == 0, foreseen.stderr
    side = desk.calls()
    rung = desk.watch.next("notice", desk.group, 3)["ringing"]
    desk.gives_up(side)
    steps = desk.story()
    offered = [step for step in steps if step.endswith(("rings", "not rung"))]
    assert rung
    assert offered
    for step in offered:
        assert step in foreseen.stdout


def test_the_dry_run_knows_of_a_later_day(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY}, vip=(VipEntry(CALLER, "", datetime(2035, 1, 1, tzinfo=UTC)),))
    for at, rings in (("2034-12-01 03:00", "Mia"), ("2035-06-01 03:00", "Ben")):
        said = explained(desk, "--at", at)
        assert rings in next(line for line in said.splitlines() if "rings" in line)


def explained(desk: Desk, *more: str) -> str:
    done = desk.site.appliance.callisto("explain", "--group", desk.group, "--from", CALLER, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_dry_run_is_for_programs_too(desk: Desk) -> None:
    desk.opens("ben", people={"mia": AWAY})
    assert "manager away" in str(json.loads(explained(desk, "--json")))
