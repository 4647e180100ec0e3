"""System Information: the shape that programs rely on, whatever the supervisor says, and the page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.variables.states import Actor, Change
from shell.info import Sight, info
from shell.session import PROMPT, converse
from shell.sessions_ports import SessionState
from tests import json_schema
from tests.fakes.shell_ports import STATUS, FakeSystem, Office, ScriptedTerm
from tests.fakes.variables import NOON
from tests.shell.test_session import context, run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/info.schema.json").read_text(encoding="utf-8"))
PERSON = SessionState(
    1, "admin", frozenset({"administrator"}), "192.0.2.7:4000", NOON, 12.5, "rich", "", "show info"
)
CHANGE = Change(1, NOON, Actor("admin", "192.0.2.7:1", "telnet"), "gWebTimeout", "20", "30", True, False)
FULL: dict[str, Any] = {
    **STATUS,
    "listen": "0.0.0.0",
    "ports": {"telnet": 2323, "sip": 5060, "web": 8080},
    "supervisor": {"pid": 4700, "uptime_s": 7205.0, "memory_mb": 60, "cpu_percent": 1.5, "cpu_s": 9.1},
    "network": {
        "interfaces": [
            {"name": "lo", "up": None, "addresses": ["127.0.0.1"]},
            {"name": "eth0", "up": True, "addresses": ["192.0.2.2", "fd00::2"]},
        ],
        "gateway": "192.0.2.1 (eth0)",
        "name_servers": ["192.0.2.53"],
    },
    "certificates": [
        {
            "setting": "tls_certificate",
            "subject": "callisto.example",
            "expires": (NOON + timedelta(days=200)).isoformat(),
            "days_left": 200,
            "problem": "",
        }
    ],
    "alarms": [{"at": NOON.isoformat(), "process": "web", "level": "error", "text": "it fell over"}],
    "journal": {
        "generation": 7,
        "snapshots": 2,
        "snapshot_at": NOON.isoformat(),
        "looked_at": NOON.isoformat(),
        "problem": "",
        "remedy": "",
        "snapshot_mb": 1.2,
        "journal_mb": 0.1,
        "free_mb": 900,
        "compared": True,
    },
    "updates": {
        "version": "0.2.0",
        "slot": "B",
        "application": "callisto-0.2.0.app.raucb",
        "base": "debian12-python3.11",
        "bundles": [
            {
                "name": "callisto-0.2.0.app.raucb",
                "kind": "application",
                "version": "0.2.0",
                "state": "running",
            }
        ],
        "planned": {"name": "callisto-0.3.0-cloud.raucb", "at": NOON.isoformat()},
        "under_way": {
            "what": "verify",
            "name": "callisto-0.4.0-cloud.raucb",
            "doing": "reads it",
            "percent": 7,
        },
    },
    "store": {**STATUS["store"], "size_mb": 1.5, "sound": True, "looked_at": NOON.isoformat()},
}


def sight(**changed: Any) -> Sight:
    telnet = {"sessions": 2, "limit": 64, "peak": 3, "refused": 0}
    return Sight(**{"at": NOON, "telnet": telnet, "people": (PERSON,), "changes": (CHANGE,), **changed})


@pytest.mark.parametrize("status", [FULL, STATUS, {}], ids=["full", "older", "none"])
def test_it_has_the_promised_shape(status: dict[str, Any]) -> None:
    found = json.loads(json.dumps(info(status, sight())))
    assert list(json_schema.problems(found, SCHEMA)) == []


def test_the_promised_shape_is_noticed_when_it_is_missed() -> None:
    found = info(FULL, sight())
    found["processes"][0]["pid"] = "4700"
    del found["store"]["sound"]
    found["made_up"] = 1
    said = " ".join(json_schema.problems(found, SCHEMA))
    assert "$.processes[0].pid" in said
    assert "$.store.sound is missing" in said
    assert "$.made_up is not in the schema" in said


def test_every_value_comes_from_what_was_given() -> None:
    found = info(FULL, sight())
    assert found["ok"] is True
    assert [each["name"] for each in found["processes"]] == ["supervisor", "router", "media", "web"]
    assert found["processes"][0]["memory_mb"] == 60
    assert found["calls"] == {
        "calls_now": 3, "calls_total": 120, "peak": 9, "refused_busy": 0, "legs_in_use": 6, "capacity": 8000,
    }  # fmt: skip
    assert found["store"]["sound"] is True
    assert found["network"]["interfaces"][1]["addresses"] == ["192.0.2.2", "fd00::2"]
    assert found["last_changes"][0]["new"] == "30"
    assert found["logged_in"][0]["doing"] == "show info"
    assert (found["updates"]["slot"], found["updates"]["planned"]["at"]) == ("B", NOON.isoformat())


def test_without_a_supervisor_nothing_is_made_up() -> None:
    found = info({}, sight(unreachable="the supervisor does not answer: gone", telnet=None))
    assert found["problems"] == ["the supervisor does not answer: gone"]
    assert (found["calls"], found["media"], found["clock"], found["telnet"]) == (None, None, None, None)
    assert found["processes"][0]["state"] == "unknown"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9, width=16) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), json_values), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_the_status_says_the_shape_stays(odd: dict[str, Any], data: st.DataObject) -> None:
    status = {**FULL, **odd}
    listed = data.draw(st.sampled_from(("services", "peers", "certificates", "jobs", "alarms")))
    status[listed] = data.draw(st.lists(json_values, max_size=3))
    found = json.loads(json.dumps(info(status, sight())))
    wrong = [each for each in json_schema.problems(found, SCHEMA) if "is no time" not in each]
    assert [each for each in wrong if "has no zone" not in each] == []


async def test_the_json_of_the_command_is_this_and_nothing_else() -> None:
    office = Office(system=FakeSystem(FULL))
    terminal = ScriptedTerm("show info | json")
    await converse(context(office), terminal, script=True)
    found = json.loads(terminal.shown.partition("| json\n")[2].removesuffix("\n" + PROMPT))
    assert list(json_schema.problems(found, SCHEMA)) == []
    assert found["at"] == NOON.isoformat()


async def test_the_page_has_it_all_within_80_columns() -> None:
    shown = await run(Office(system=FakeSystem(FULL)), "set gWebTimeout 30", "show info")
    body = shown.partition("show info\n")[2]
    assert body.startswith("OK\n")
    for part in (
        "Callisto 0.1.0", "192.0.2.2, fd00::2 (eth0)", "192.0.2.1 (eth0)", "192.0.2.53", "1.5 MB",
        "slot B,", "callisto-0.2.0.app.raucb",
        "revision 42", "yes, 2026-11-24", "same, 2026-11-24", "7, 1.2 MB",
        "supervisor  ready  4700", "60 MB", "1.5 %", "asked to restart",
        "tls_certificate", "2027-06-12, in 200 days", "pbx1", "it fell over", "gWebTimeout: 20 -> 30",
    ):  # fmt: skip
        assert part in body, part
    assert max(len(line) for line in body.splitlines()) <= 80


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("store", {"sound": False}, "the store is damaged: self test says how"),
        ("journal", {"problem": "table audit, id 1: gone"}, "journal: table audit, id 1: gone"),
        (
            "journal",
            {"free_mb": 9},
            "the journal's disk is nearly full: 9 MB free, then no change is taken",
        ),
        ("certificates", [{"setting": "tls_ca", "days_left": -1}], "tls_ca has expired"),
        ("certificates", [{"setting": "tls_ca", "days_left": 12}], "tls_ca ends in 12 days"),
        ("certificates", [{"setting": "tls_ca", "problem": "gone"}], "tls_ca: gone"),
    ],
)
async def test_what_needs_somebody_stands_on_top(part: str, value: Any, said: str) -> None:
    shown = await run(Office(system=FakeSystem({**FULL, part: value})), "show info")
    assert shown.partition("show info\n")[2].splitlines()[0] == said


def test_the_time_of_the_sight_is_told_with_its_zone() -> None:
    assert info({}, sight(at=datetime(2026, 1, 1, tzinfo=UTC)))["at"] == "2026-01-01T00:00:00+00:00"
