"""Which facts the checks gather: of settings, of the status, of the store, of files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.checks.runner import Runner
from appliance.checks.suite import Sources, suite
from appliance.config import Config
from appliance.demo.local import free_port
from db.errors import StoreUnavailableError
from db.soundness import NotInTimeError, Soundness
from shell.checks_ports import CheckResult
from shell.clock_ports import ServerCheck

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOUND = Soundness((), (), 1 << 20, 0.1)


class Place:
    """A supervisor's view of things, to be changed."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.config = Config.load({"CALLISTO_STATE": str(folder), **settings}, folder)
        self.status: dict[str, Any] = {"clock": {"now": NOW.isoformat(), "server": ""}}
        self.found: Soundness | Exception = SOUND
        self.asked: list[str] = []

    async def check(self, *names: str) -> dict[str, CheckResult]:
        """Those checks alone."""
        checks = suite(Sources(self.config, lambda: self.status, self._ask, self._look))
        wanted = [each for each in checks if each.name in names]
        assert len(wanted) == len(names)
        return {result.name: result async for result in Runner(wanted).run()}

    async def _ask(self, server: str) -> ServerCheck:
        self.asked.append(server)
        return ServerCheck(server, NOW, "", 0.1, 2)

    async def _look(self, _within_s: float) -> Soundness:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Place]:
    return lambda **settings: Place(tmp_path, **settings)


def states(found: dict[str, CheckResult]) -> dict[str, str]:
    return {name: result.state for name, result in found.items()}


Make = Callable[..., Place]


async def test_every_check_has_a_name_of_its_own_and_none_breaks_on_an_empty_status(place: Make) -> None:
    one = place(
        CALLISTO_WEB_PORT=str(free_port()),
        CALLISTO_TELNET_PORT=str(free_port()),
        CALLISTO_TELNETS_PORT=str(free_port()),
        CALLISTO_SIP_PORT=str(free_port()),
    )
    one.status = {}
    names = [each.name for each in suite(Sources(one.config, dict, one._ask, one._look))]
    assert len(names) == len(set(names)) >= 20
    found = await one.check(*names)
    assert not [each for each in found.values() if "the check itself went wrong" in each.found]
    closed = ("login page", "Telnet", "Telnet over TLS", "SIP")
    assert {found[name].state for name in closed} == {"fail"}


async def test_what_is_switched_off_is_not_missed(place: Make) -> None:
    found = await place(CALLISTO_TELNETS_PORT="0").check("Telnet over TLS")
    assert states(found) == {"Telnet over TLS": "skipped"}
    assert "telnets_port is 0" in found["Telnet over TLS"].found


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (SOUND, {"store": "ok", "foreign keys": "ok"}),
        (Soundness(("page 7",), (), 1, 0.1), {"store": "fail", "foreign keys": "skipped"}),
        (Soundness((), ("member to users",), 1, 0.1), {"store": "ok", "foreign keys": "fail"}),
        (NotInTimeError("not within 10 s"), {"store": "skipped", "foreign keys": "skipped"}),
        (StoreUnavailableError("locked", hint="wait"), {"store": "fail", "foreign keys": "skipped"}),
    ],
)
async def test_the_store_by_what_was_found(
    place: Make, found: Soundness | Exception, expected: dict[str, str]
) -> None:
    one = place()
    one.found = found
    assert states(await one.check("store", "foreign keys")) == expected


async def test_the_journal_by_what_its_last_round_found(place: Make) -> None:
    one = place()
    assert states(await one.check("journal")) == {"journal": "skipped"}
    one.status["journal"] = {"problem": "the row is missing", "remedy": "repair start force"}
    assert (await one.check("journal"))["journal"].remedy == "repair start force"
    one.status["journal"] = {"problem": "", "looked_at": NOW.isoformat(), "compared": True}
    assert (await one.check("journal"))["journal"].found.startswith("compared with the store at 2026-11-22")


async def test_the_time_server_that_counts_is_asked_and_none_is_not(place: Make) -> None:
    one = place()
    assert states(await one.check("time")) == {"time": "skipped"}
    assert one.asked == []
    one.status["clock"]["server"] = "ntp.example"
    assert states(await one.check("time")) == {"time": "ok"}
    assert one.asked == ["ntp.example"]


async def test_hosts_with_names_need_a_name_server(place: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.network.name_servers", lambda: ())
    assert states(await place(CALLISTO_PEERS="a=10.0.0.1").check("name servers")) == {
        "name servers": "skipped"
    }
    found = await place(CALLISTO_PEERS="a=pbx.example").check("name servers")
    assert states(found) == {"name servers": "fail"}


async def test_a_certificate_that_is_not_there_is_said(place: Make, tmp_path: Path) -> None:
    file = tmp_path / "none.pem"
    found = await place(CALLISTO_TLS_CA=str(file)).check("certificates")
    assert states(found) == {"certificates": "fail"}
    assert "tls_ca" in found["certificates"].found


async def test_the_table_that_the_router_uses_is_the_one_in_the_file(place: Make) -> None:
    one = place()
    assert states(await one.check("routing table")) == {"routing table": "fail"}
    one.config.routing_file.write_text("x")
    written = datetime.fromtimestamp(one.config.routing_file.stat().st_mtime).astimezone()
    facts = {"table_of": written.isoformat(timespec="seconds")}
    one.status["services"] = [{"name": "router", "state": "ready", "facts": facts}]
    assert states(await one.check("routing table")) == {"routing table": "ok"}
