"""The supervisor's hands on the clock: who is told when it is set, and how the time server is followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.control.client import ControlClient
from appliance.control.clock import ControlDateTime, handlers
from appliance.control.protocol import RefusedError
from appliance.control.server import ControlServer
from appliance.sntp import Answer, SntpError, TimeServers
from appliance.timekeeper import TimeKeeper
from shell.clock_data import decode, encode
from shell.clock_ports import ClockRefusedError
from shell.ports import SystemUnavailableError
from tests.appliance.waiting import eventually
from tests.fakes.host_clock import FakeHostClock
from tests.fakes.sntp_server import FakeSntpServer


class Office:
    """A keeper on a fake clock; `steps` and `zones` are what it passed on."""

    def __init__(self) -> None:
        self.clock = FakeHostClock()
        self.steps = 0
        self.zones: list[str] = []
        self.asked: list[str] = []
        self.answer: Answer | None = Answer(0.004, 0.01, 2)
        self.keeper = TimeKeeper(
            self.clock, self.ask, self.stepped, lambda zone: self.zones.append(zone.key), self.zone
        )

    async def ask(self, server: str) -> Answer:
        self.asked.append(server)
        if self.answer is None:
            raise SntpError("no answer within 2 s")
        return self.answer

    def stepped(self) -> None:
        self.steps += 1

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clock.zone)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def office() -> Office:
    return Office()


async def test_whoever_plans_by_the_clock_is_told_when_it_was_set(office: Office) -> None:
    at = office.clock.time + timedelta(hours=3)
    await office.keeper.set_time(at)
    assert (office.clock.time, office.steps) == (at, 1)


async def test_a_refused_time_is_passed_on_to_nobody(office: Office) -> None:
    office.clock.refusal = "not ours"
    with pytest.raises(ClockRefusedError):
        await office.keeper.set_time(office.clock.time)
    assert office.steps == 0


async def test_a_zone_set_here_is_passed_on_at_once_and_once(office: Office) -> None:
    await office.keeper.set_zone("Asia/Tokyo")
    await office.keeper.set_zone("Asia/Tokyo")
    assert office.zones == ["Asia/Tokyo"]


async def test_a_zone_set_by_others_is_noticed(office: Office) -> None:
    async with office.running():
        office.clock.zone = "America/New_York"
        await eventually(lambda: office.zones == ["America/New_York"])


async def test_at_the_start_the_time_server_is_used_and_not_asked(office: Office) -> None:
    async with office.running():
        office.keeper.follow("pool.ntp.org")
        await eventually(lambda: office.clock.used == ["pool.ntp.org"])
    assert office.asked == []


async def test_a_new_time_server_is_asked_once_and_then_used(office: Office) -> None:
    async with office.running():
        office.keeper.follow("pool.ntp.org")
        await eventually(lambda: office.clock.used)
        office.keeper.follow("ntp.example")
        office.keeper.follow("ntp.example")
        await asyncio.gather(office.keeper.check("ntp.example"), office.keeper.check("ntp.example"))
        await eventually(lambda: office.clock.used == ["pool.ntp.org", "ntp.example"])
        state = await office.keeper.state()
    assert office.asked == ["ntp.example"]
    assert state.server == "ntp.example"
    assert state.check is not None
    assert (state.check.stratum, state.check.problem) == (2, "")


async def test_a_time_server_that_does_not_answer_is_a_warning_and_used_all_the_same(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.answer = None
    async with office.running():
        office.keeper.follow("pool.ntp.org")
        office.keeper.follow("ntp.example")
        await eventually(lambda: office.clock.used[-1:] == ["ntp.example"])
        state = await office.keeper.state()
    assert state.check is not None
    assert state.check.problem == "no answer within 2 s"
    assert "time server ntp.example: no answer within 2 s" in caplog.text


async def test_blank_is_no_server_and_nobody_is_asked(office: Office) -> None:
    async with office.running():
        office.keeper.follow("pool.ntp.org")
        await eventually(lambda: office.clock.used)
        office.keeper.follow("")
        await eventually(lambda: office.clock.used[-1:] == [""])
    assert office.asked == []


async def test_the_answer_of_another_server_is_not_shown_for_this_one(office: Office) -> None:
    office.keeper.follow("a.example")
    await office.keeper.check("b.example")
    assert (await office.keeper.state()).check is None


async def test_a_time_service_that_cannot_be_told_is_said_and_the_next_server_tried(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(_: str) -> None:
        raise ClockRefusedError("the time service was not restarted", "restart it")

    use = office.clock.use_server
    office.clock.use_server = refuse  # type: ignore[method-assign]
    async with office.running():
        office.keeper.follow("a.example")
        await eventually(lambda: "was not restarted; restart it" in caplog.text)
        office.clock.use_server = use  # type: ignore[method-assign]
        office.keeper.follow("b.example")
        await eventually(lambda: office.clock.used == ["b.example"])


async def test_what_is_known_waits_for_nothing(office: Office) -> None:
    assert office.keeper.known is None
    async with office.running():
        await eventually(lambda: office.keeper.known)
    known = office.keeper.known
    assert known is not None
    assert known.zone == "Europe/Zurich"
    office.keeper.follow("ntp.example")
    await office.keeper.check("ntp.example")
    known = office.keeper.known
    assert known is not None
    assert known.server == "ntp.example"
    assert known.check is not None


async def test_a_query_over_the_socket_reaches_a_server_on_loopback(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with FakeSntpServer(120.0) as server:
        keeper = TimeKeeper(office.clock, TimeServers(server.port).ask, office.stepped, lambda _: None)
        async with ControlServer(path, handlers(keeper)), ControlClient(path) as control:
            check = await ControlDateTime(control).check("127.0.0.1")
    assert check.offset_s == pytest.approx(120, abs=1)
    assert (check.server, check.problem, check.stratum) == ("127.0.0.1", "", 2)


async def test_a_supervisor_that_is_gone_is_no_refusal(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as control:
        with pytest.raises(SystemUnavailableError):
            await ControlDateTime(control).state()


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("clock_set", {}),
        ("clock_set", {"at": "tomorrow"}),
        ("clock_set", {"at": "2026-11-24T12:00:00"}),
        ("clock_zone", {"zone": 7}),
        ("clock_sync", {"on": "yes"}),
        ("clock_check", {"server": ""}),
    ],
)
async def test_a_request_that_is_none_is_refused_and_changes_nothing(
    name: str, args: dict[str, object], tmp_path: Path
) -> None:
    clock = FakeHostClock()
    before = clock.time
    path = tmp_path / "control.sock"
    async with ControlServer(path, handlers(clock)), ControlClient(path) as control:
        with pytest.raises(RefusedError):
            await control.request(name, **args)
    assert (clock.time, clock.sync, clock.zone, clock.asked) == (before, False, "Europe/Zurich", [])


async def test_a_state_survives_its_way_as_data(office: Office) -> None:
    office.keeper.follow("ntp.example")
    await office.keeper.check("ntp.example")
    state = await office.keeper.state()
    assert decode(encode(state)) == state


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"now": "soon"}, {"now": "2026-11-24T12:00:00"}])
def test_what_is_no_state_reads_as_none(odd: object) -> None:
    assert decode(odd) is None


def test_odd_parts_of_a_state_read_as_unknown() -> None:
    odd = {"now": "2026-11-24T12:00:00+01:00", "zone": "No/Where", "sync": "x", "server": 7, "check": [1]}
    state = decode(odd)
    assert state is not None
    assert (state.zone, state.sync, state.server, state.check) == ("No/Where", None, None, None)
