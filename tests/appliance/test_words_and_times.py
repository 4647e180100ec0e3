"""Moments as people type them, timers of one thread, the status and the welcome."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import welcome
from appliance.commands.status import lines
from appliance.config import Config
from appliance.lifecycle import State
from appliance.roles.timers import MOST_CANCELLED, TimerHeap
from appliance.services.ports import Unit, UnitState
from appliance.status import About, Around, StoreState, status
from appliance.when import WhenError, parse
from router.model import Group, Peer, RoutingTable

ZURICH = ZoneInfo("Europe/Zurich")
SUNDAY = datetime(2026, 11, 22, 15, 0, tzinfo=ZURICH)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("14:30", "2026-11-22T14:30:00+01:00"),
        ("2026-12-24 03:00", "2026-12-24T03:00:00+01:00"),
        ("2026-12-24T03:00", "2026-12-24T03:00:00+01:00"),
        ("2026-07-01 03:00", "2026-07-01T03:00:00+02:00"),
        ("2026-12-24T03:00+00:00", "2026-12-24T03:00:00+00:00"),
        ("sunday 16:00", "2026-11-22T16:00:00+01:00"),
        ("Sun 03:00", "2026-11-29T03:00:00+01:00"),
        ("mo 03:00", "2026-11-23T03:00:00+01:00"),
    ],
)
def test_a_moment_is_understood_as_people_mean_it(text: str, meant: str) -> None:
    assert parse(text, SUNDAY.astimezone(UTC), ZURICH).isoformat() == meant


@pytest.mark.parametrize(
    "text", ["", "now", "25:00", "s 03:00", "sunday", "sunday 25:00", "2026-13-01 10:00", "x 1:2 3"]
)
def test_what_is_no_moment_is_refused_with_what_is_right(text: str) -> None:
    with pytest.raises(WhenError, match="sunday 03:00"):
        parse(text, SUNDAY, ZURICH)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_with_its_zone_or_refused(text: str) -> None:
    with suppress(WhenError):
        assert parse(text, SUNDAY, ZURICH).tzinfo is not None


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_timers_run_in_the_order_of_their_times_and_not_before() -> None:
    time, seen = Time(), list[str]()
    timers = TimerHeap(time)
    timers.call_later(2, lambda: seen.append("b"))
    timers.call_later(1, lambda: seen.append("a"))
    cancelled = timers.call_later(1, lambda: seen.append("never"))
    cancelled.cancel()
    assert timers.wait(10) == 1
    timers.turn()
    assert seen == []
    time.now = 2
    assert timers.wait(10) == 0
    timers.turn()
    assert seen == ["a", "b"]
    assert timers.wait(10) == 10


def test_a_callback_that_sets_or_cancels_timers_is_safe() -> None:
    time, seen = Time(), list[str]()
    timers = TimerHeap(time)
    first = timers.call_later(1, lambda: late.cancel())  # noqa: PLW0108 - there is no `late` yet
    late = timers.call_later(1, lambda: seen.append("cancelled by the first"))
    timers.call_later(1, lambda: timers.call_later(0, lambda: seen.append("next turn")))
    time.now = 1
    timers.turn()
    assert seen == []
    assert first.cancelled  # it has run
    timers.turn()
    assert seen == ["next turn"]


def test_the_wall_clock_has_its_zone() -> None:
    assert TimerHeap().now().utcoffset() is not None
    assert abs(TimerHeap().now() - datetime.now(UTC)) < timedelta(seconds=5)


def unit(which: Unit, state: State = State.READY, last_exit: str | None = None) -> UnitState:
    return UnitState(which, state, 4000, 100.0, 2, last_exit)


PEERS = (
    Peer("pbx1", "10.0.0.1", user="u", password="hush", register=True),
    Peer("pbx2", "pbx.example", 5061, "tls"),
)


def shown(**changed: object) -> dict[str, object]:
    about = About("0.1.0", "ucm", SUNDAY, "127.0.0.1", {"sip": 5060}, Path("/srv/callisto"), PEERS)
    given: dict[str, object] = {
        "services": [(unit(Unit.WEB), {"sessions": 3})],
        "jobs": [
            {
                "name": "web restart",
                "variable": "gWebServerRestart",
                "next_run": SUNDAY.isoformat(),
                "last_run": SUNDAY.isoformat(),
                "last_result": "done: web answers again",
            }
        ],
        "store": StoreState("sqlite:///x", 7, "0001"),
        "pending": 3,
        "around": Around({"hostname": "box", "disk_free_mb": 5, "memory_free_mb": 6}),
        "now": 160.0,
        **changed,
    }
    return status(about, **given)  # type: ignore[arg-type]


def test_the_status_has_the_promised_shape_and_is_json() -> None:
    found = json.loads(json.dumps(shown()))
    assert found["services"] == [
        {
            "name": "web",
            "state": "ready",
            "pid": 4000,
            "uptime_s": 60.0,
            "restarts": 2,
            "last_exit": None,
            "memory_mb": None,
            "cpu_percent": None,
            "cpu_s": None,
            "facts": {"sessions": 3},
        }
    ]
    assert found["store"] == {
        "url_shown": "sqlite:///x",
        "revision": 7,
        "schema": "0001",
        "size_mb": None,
        "sound": None,
        "looked_at": None,
    }
    assert found["spool"] == {"pending": 3}
    assert found["jobs"][0].keys() == {"name", "variable", "next_run", "last_run", "last_result"}
    assert datetime.fromisoformat(found["started"]) == SUNDAY


def test_a_service_that_is_not_ready_shows_no_stale_facts() -> None:
    down = unit(Unit.WEB, State.BACKING_OFF, "exit code 1")
    (service,) = shown(services=[(down, {"sessions": 3})])["services"]  # type: ignore[misc]
    assert (service["facts"], service["uptime_s"], service["last_exit"]) == ({}, None, "exit code 1")


def test_a_lost_store_is_said() -> None:
    assert shown(store=StoreState("x", None, None, "locked"))["store"]["error"] == "locked"  # type: ignore[index]


TOLD = {"name": "pbx1", "state": "up", "since": SUNDAY.isoformat(), "registered": True, "problem": ""}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [("unknown", False, ""), ("unknown", None, "")]),
        ({"peers": "?"}, [("unknown", False, ""), ("unknown", None, "")]),
        ({"peers": [TOLD]}, [("up", True, ""), ("unknown", None, "host pbx.example has no known address")]),
        (
            {
                "peers": [
                    {**TOLD, "registered": False, "problem": "403"},
                    {**TOLD, "name": "pbx2", "state": "down"},
                ]
            },
            [("up", False, "403"), ("down", None, "")],
        ),
    ],
)
def test_the_status_has_each_configured_peer_with_what_the_router_tells(
    told: dict[str, object], expected: list[tuple[object, ...]]
) -> None:
    found = shown(services=[(unit(Unit.ROUTER), told)])["peers"]
    assert [(one["state"], one["registered"], one["problem"]) for one in found] == expected  # type: ignore[attr-defined]
    assert [one["address"] for one in found] == ["10.0.0.1:5060", "pbx.example:5061"]  # type: ignore[attr-defined]
    assert "hush" not in json.dumps(found)


def test_a_router_that_is_not_ready_tells_nothing_of_peers() -> None:
    down = unit(Unit.ROUTER, State.BACKING_OFF)
    found = shown(services=[(down, {"peers": [TOLD]})])["peers"]
    assert [one["state"] for one in found] == ["unknown", "unknown"]  # type: ignore[attr-defined]


def test_the_status_in_words_names_every_service_and_plan() -> None:
    facts = {"calls_now": 1, "calls_total": 9, "peak": 2, "refused_busy": 0}
    facts |= {"engine": "SIP", "legs_in_use": 2, "capacity": 8000, "table_of": SUNDAY.isoformat()}
    media = {"engine": "PJSUA2 2.17", "build": "large", "legs_in_use": 1, "capacity": 2048}
    down = unit(Unit.SHELL, State.BACKING_OFF, "killed by SIGKILL")
    services = [(unit(Unit.ROUTER), facts), (unit(Unit.MEDIA), media), (down, {}), (unit(Unit.WEB), {})]
    text = "\n".join(lines(shown(services=services, store=StoreState("x", 1, "1", "locked"))))
    for told in (
        "router",
        "backing off",
        "killed by SIGKILL",
        "1 now, 9 in all",
        "2 of 8000",
        "PJSUA2 2.17, large, 1 of 2048 legs",
        f"calls are routed by the table of {SUNDAY.astimezone():%a %Y-%m-%d %H:%M}",
        "Peer     pbx1 at 10.0.0.1:5060: unknown",
        "web restart",
        "locked",
    ):
        assert told in text


def test_the_welcome_says_where_to_telnet_call_and_browse(tmp_path: Path) -> None:
    config = Config.load({"CALLISTO_SIP_PORT": "5070"}, tmp_path)
    said = "\n".join(
        welcome.lines(
            config,
            "0.1.0",
            states=[unit(one) for one in Unit],
            media_facts={"build": "large", "capacity": 2048},
            shell_facts={"tls_fingerprint": "AB:CD"},
            web_facts={},
            table=RoutingTable(groups={"100": Group("Management", "100")}),
            user="admin",
            password="abcd-efgh",
        )
    )
    for told in (
        "is ready",
        "telnet 127.0.0.1 2323",
        "telnet-ssl -z ssl 127.0.0.1 9923   (TLS)",
        "SHA-256 abcd",
        "sip:100@127.0.0.1:5070",
        "http://127.0.0.1:8080/",
        "abcd-efgh",
    ):
        assert told in said
    assert "make engine" not in said


def test_the_welcome_names_https_where_there_is_any_and_by_what_it_is_known(tmp_path: Path) -> None:
    said = welcome.lines(
        Config.load({"CALLISTO_WEB_TLS_PORT": "8443"}, tmp_path),
        "0.1.0",
        states=[],
        media_facts={},
        shell_facts={},
        web_facts={"tls_fingerprint": "12:EF"},
        table=None,
        user="admin",
        password=None,
    )
    at = said.index("  Browser  https://127.0.0.1:8443/")
    assert said[at + 1] == "           SHA-256 12ef"


def test_the_welcome_names_what_is_not_ready_and_the_small_engine(tmp_path: Path) -> None:
    states = [unit(Unit.ROUTER), unit(Unit.WEB, State.FAILED, "exit code 2")]
    said = "\n".join(
        welcome.lines(
            Config.load({"CALLISTO_LISTEN": "0.0.0.0"}, tmp_path),
            "0.1.0",
            states=states,
            media_facts={"build": "stock wheel", "capacity": 4},
            shell_facts={},
            web_facts={},
            table=None,
            user="admin",
            password=None,
        )
    )
    assert "not everything is ready: web is failed: exit code 2" in said
    assert "4 call legs" in said
    assert "make engine" in said
    assert "password" not in said
    assert "0.0.0.0" not in said


def test_the_wall_clock_follows_the_zone_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1_764_000_000.25, 1_764_000_000.75, 1_764_000_001.25])
    monkeypatch.setattr("appliance.roles.timers.time.time", lambda: next(moments, 0.0))
    heap = TimerHeap()
    try:
        seen = []
        for zone in ("Europe/Zurich", "Asia/Tokyo", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            seen.append(heap.now())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [moment.timestamp() for moment in seen] == [1_764_000_000.25, 1_764_000_000.75, 1_764_000_001.25]
    assert [moment.utcoffset() for moment in seen] == [timedelta(hours=hours) for hours in (1, 1, 9)]


def test_cancelled_timers_do_not_pile_up_behind_one_that_is_waited_for() -> None:
    now, seen = Time(), list[float]()
    timers = TimerHeap(now)
    timers.call_later(30, lambda: seen.append(now.now))
    for call in range(1000):
        now.now = call / 100
        for seconds in (0.2, 180.0):
            timers.call_later(seconds, lambda: seen.append(-1.0)).cancel()
    assert len(timers) <= 2 * MOST_CANCELLED + 2
    now.now = 29.9
    timers.turn()
    now.now = 30
    timers.turn()
    assert seen == [30]


def test_a_timer_cancelled_as_it_falls_due_is_not_counted_twice() -> None:
    now = Time()
    timers = TimerHeap(now)
    timers.call_later(1, lambda: late.cancel())  # noqa: PLW0108 - there is no `late` yet
    late = timers.call_later(1, lambda: None)
    now.now = 1
    timers.turn()
    late.cancel()
    assert (len(timers), timers.cancelled) == (0, 0)
