"""What the page says of the supervisor's status."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.web.view import view
from tests.appliance.web.office import NOW, status

ZURICH = ZoneInfo("Europe/Zurich")


def seen(**changes: object):
    return view({**status(), **changes}, NOW, ZURICH)


@pytest.mark.parametrize(
    ("state", "level"),
    [
        ("ready", "good"),
        ("starting", "warn"),
        ("stopping", "warn"),
        ("backing off", "bad"),
        ("failed", "bad"),
        ("", "bad"),
    ],
)
def test_a_state_is_coloured_by_what_it_means(state, level):
    [row] = seen(services=[{"name": "web", "state": state}]).services
    assert row.level == level


@pytest.mark.parametrize(
    ("result", "outcome", "detail", "level"),
    [
        ("done: web answers again", "done", "web answers again", "good"),
        ("done", "done", "", "good"),
        ("failed: web: not ready", "failed", "web: not ready", "bad"),
        ("missed: the system was off", "missed", "the system was off", "warn"),
        ("skipped: still running", "skipped", "still running", "warn"),
        (None, "", "–", "quiet"),
    ],
)
def test_a_result_is_a_word_and_what_more_there_is_to_say(result, outcome, detail, level):
    [row] = seen(jobs=[{"name": "web restart", "last_result": result}]).jobs
    assert (row.outcome, row.detail, row.level) == (outcome, detail, level)
    assert row.next is None


def test_times_are_local_and_say_how_far_away_they_are():
    due, last = NOW + timedelta(days=2, hours=5), NOW - timedelta(minutes=3)
    [row] = seen(jobs=[{"name": "x", "next_run": due.isoformat(), "last_run": last.isoformat()}]).jobs
    assert row.next is not None
    assert row.last is not None
    assert (row.next.shown, row.next.away) == ("Tue 24 Nov 2026, 21:00", "in 2 d 5 h")
    assert (row.last.shown, row.last.away) == ("Sun 22 Nov 2026, 15:57", "3 min ago")
    assert row.next.iso == "2026-11-24T21:00:00+01:00"


@pytest.mark.parametrize(
    ("legs", "capacity", "percent", "level"),
    [
        (0, 4, 0, "good"),
        (1, 4, 25, "good"),
        (1844, 2048, 90.04, "warn"),
        (4, 4, 100, "bad"),
        (9, 4, 100, "bad"),
    ],
)
def test_the_meter_shows_how_full_it_is(legs, capacity, percent, level):
    calls = seen(services=[{"name": "router", "facts": {"legs_in_use": legs, "capacity": capacity}}]).calls
    assert (calls.percent, calls.level) == (percent, level)


def test_without_a_router_there_is_no_meter():
    calls = seen(services=[]).calls
    assert (calls.percent, calls.level, calls.now) == (None, "quiet", "–")


def test_facts_that_are_not_known_are_left_out():
    labels = [label for label, _ in seen(host={}, started=None).system]
    assert labels == ["Version", "Edition", "Time zone"]


def test_peers_are_shown_with_what_is_wrong() -> None:
    told = [
        {
            "name": "pbx1",
            "address": "10.0.0.1:5060",
            "state": "up",
            "since": NOW.isoformat(),
            "registered": True,
        },
        {"name": "pbx2", "address": "10.0.0.2:5060", "state": "down", "registered": False, "problem": "403"},
    ]
    found = view(status() | {"peers": told}, NOW, ZURICH)
    assert [(peer.name, peer.level, peer.registration) for peer in found.peers] == [
        ("pbx1", "good", "registered"),
        ("pbx2", "bad", "not registered"),
    ]
    assert found.problems == ("peer pbx2 is down: 403",)
