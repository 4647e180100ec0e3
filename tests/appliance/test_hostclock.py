"""The adapters of the machine's clock, each for itself. No bus and no clock is touched: see `FakeBusctl`."""

from __future__ import annotations

import ast
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.hostclock.bare import BareClock
from appliance.hostclock.busctl import Busctl, BusError
from appliance.hostclock.timedated import DROP_IN, TIMEDATED, TimedatedClock
from appliance.roles.clock import host_clock
from shell.clock_ports import ClockRefusedError
from tests.fakes.busctl import FakeBusctl

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def bus(tmp_path: Path) -> FakeBusctl:
    return FakeBusctl(tmp_path / "bin")


@pytest.fixture
def drop_ins(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "timesyncd.conf.d"


async def test_a_clock_that_is_not_ours_is_shown_and_nothing_of_it_is_set() -> None:
    clock = BareClock(lambda: ZoneInfo("Asia/Tokyo"))
    state = await clock.state()
    assert (state.zone, f"{state.now:%Z}", state.sync) == ("Asia/Tokyo", "JST", None)
    assert abs(state.now - datetime.now(UTC)) < timedelta(seconds=20)
    for attempt in (clock.set_time(NOON), clock.set_zone("Asia/Tokyo"), clock.set_sync(True)):
        with pytest.raises(ClockRefusedError, match="this machine's clock is not ours to set") as refused:
            await attempt
        assert 'clock = "timedated"' in refused.value.hint
    assert state.refusal == refused.value.message


def test_the_clock_is_not_ours_unless_the_configuration_says_so(tmp_path: Path) -> None:
    assert isinstance(host_clock(Config.load({}, tmp_path)), BareClock)
    assert isinstance(host_clock(Config.load({"CALLISTO_CLOCK": "timedated"}, tmp_path)), TimedatedClock)
    units = {"CALLISTO_CLOCK": "timedated", "CALLISTO_SERVICES": "systemd"}
    image = host_clock(Config.load(units, tmp_path))
    assert isinstance(image, TimedatedClock)
    assert image._drop_in.is_relative_to("/run")
    with pytest.raises(ConfigError, match='"ours" is refused; right would be bare or timedated'):
        Config.load({"CALLISTO_CLOCK": "ours"}, tmp_path)


def test_nothing_here_sets_a_clock_by_itself() -> None:
    """Of all the ways to set one only the bus is used, and that only where the role made the adapter."""
    forbidden = {"clock_settime", "clock_settime_ns", "adjtimex", "settimeofday", "stime", "clock_adjtime"}
    for folder in ("appliance", "shell", "scheduler", "db", "firmware", "router"):
        for file in (ROOT / folder).rglob("*.py"):
            named = {
                node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
                for node in ast.walk(ast.parse(file.read_bytes()))
            }
            assert not named & forbidden, file


async def test_the_time_server_becomes_the_only_one_of_the_time_service(
    bus: FakeBusctl, drop_ins: Path
) -> None:
    clock = TimedatedClock(Busctl(bus.env), drop_ins)
    await clock.use_server("ntp.example")
    lines = (drop_ins / DROP_IN).read_text().splitlines()
    assert lines[1:] == ["[Time]", "NTP=", "FallbackNTP=", "NTP=ntp.example"]
    assert bus.calls("TryRestartUnit") == [["ss", "systemd-timesyncd.service", "replace"]]
    assert [file.name for file in drop_ins.iterdir()] == [DROP_IN]
    assert (drop_ins / DROP_IN).stat().st_mode & 0o777 == 0o644


async def test_a_server_that_is_used_already_restarts_nothing(bus: FakeBusctl, drop_ins: Path) -> None:
    for server in ("ntp.example", "ntp.example", "", ""):
        await TimedatedClock(Busctl(bus.env), drop_ins).use_server(server)
    assert len(bus.calls("TryRestartUnit")) == 2
    assert "example" not in (drop_ins / DROP_IN).read_text()


async def test_a_drop_in_that_cannot_be_written_is_refused_with_its_name(
    bus: FakeBusctl, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClockRefusedError, match=f"{DROP_IN} cannot be written"):
        await TimedatedClock(Busctl(bus.env), tmp_path / "file").use_server("ntp.example")
    assert bus.calls("TryRestartUnit") == []


async def test_the_server_in_use_is_told_while_synchronisation_runs(bus: FakeBusctl, drop_ins: Path) -> None:
    clock = TimedatedClock(Busctl(bus.env), drop_ins)
    assert (await clock.state()).using == ""
    await clock.set_sync(True)
    state = await clock.state()
    assert (state.using, state.in_step) == ("ntp.example", True)


async def test_a_zone_of_the_environment_goes_before_the_machines(bus: FakeBusctl, drop_ins: Path) -> None:
    clock = TimedatedClock(Busctl(bus.env), drop_ins, "Asia/Tokyo")
    assert (await clock.state()).zone == "Asia/Tokyo"
    with pytest.raises(ClockRefusedError, match="TZ=Asia/Tokyo"):
        await clock.set_zone("Europe/Zurich")
    assert bus.calls("SetTimezone") == []


async def test_a_machine_that_denies_says_so_in_its_words(bus: FakeBusctl, drop_ins: Path) -> None:
    bus.now(denies=True)
    with pytest.raises(ClockRefusedError, match="Interactive authentication required"):
        await TimedatedClock(Busctl(bus.env), drop_ins).set_zone("Europe/Zurich")


async def test_a_bus_that_hangs_is_given_up_and_its_program_ended(bus: FakeBusctl, drop_ins: Path) -> None:
    bus.now(hangs=True)
    with pytest.raises(ClockRefusedError, match=r"no answer from \S+ within 0\.3 s"):
        await TimedatedClock(Busctl(bus.env, within=0.3), drop_ins).state()


async def test_who_gives_up_waiting_leaves_no_program_behind(bus: FakeBusctl, drop_ins: Path) -> None:
    bus.now(hangs=True)
    asking = asyncio.create_task(TimedatedClock(Busctl(bus.env), drop_ins).state())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("said", ["", "no json", "[1]", '{"data": true}', '{"type": "b"}'])
async def test_an_answer_that_is_none_is_an_error(bus: FakeBusctl, said: str) -> None:
    bus.now(says=said)
    with pytest.raises(BusError):
        await Busctl(bus.env).properties(*TIMEDATED, "NTP", "CanNTP")


async def test_without_the_program_the_reason_is_told(tmp_path: Path, drop_ins: Path) -> None:
    with pytest.raises(ClockRefusedError, match="busctl is not on this machine"):
        await TimedatedClock(Busctl({"PATH": str(tmp_path)}), drop_ins).state()
    with pytest.raises(ClockRefusedError, match="busctl is not on this machine"):
        await TimedatedClock(Busctl({}), drop_ins).state()
