"""What facts mean to the self test: pure, one story a verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appliance.checks.verdicts import on_calls, on_machine, on_network, on_services, on_store, on_time
from appliance.checks.verdicts.finding import Finding
from appliance.checks.verdicts.on_network import Link
from appliance.checks.verdicts.on_services import Page
from appliance.checks.verdicts.on_time import Certificate

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LO = Link("lo", None, ("127.0.0.1",))
ETH = Link("eth0", True, ("192.0.2.2",))


def state_of(finding: Finding) -> str:
    assert finding.found
    if finding.state in ("warn", "fail"):
        assert finding.remedy, f"{finding} has no remedy"
    return finding.state


@pytest.mark.parametrize(("free", "expected"), [(1000, "ok"), (99, "warn"), (29, "fail"), (0, "fail")])
def test_memory_by_what_is_free(free: int, expected: str) -> None:
    assert state_of(on_machine.memory(1000, free)) == expected


def test_memory_that_cannot_be_read_is_not_called_good() -> None:
    assert state_of(on_machine.memory(0, 0)) == "fail"


@pytest.mark.parametrize(
    ("load", "expected"), [((9.0, 3.9, 0.0), "ok"), ((0.0, 4.1, 0.0), "warn"), ((), "ok")]
)
def test_processors_by_the_load_over_five_minutes(load: tuple[float, ...], expected: str) -> None:
    assert state_of(on_machine.processors(2, load)) == expected


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [(40000, 30000, "ok"), (40000, 5000, "warn"), (40000, 1000, "fail"), (1000, 199, "fail")],
)
def test_disk_by_share_and_by_size(total: int, free: int, expected: str) -> None:
    assert state_of(on_machine.disk(total, free)) == expected


@pytest.mark.parametrize(
    ("total", "free", "expected"), [(0, 0, "ok"), (1000, 500, "ok"), (1000, 50, "warn"), (1000, 5, "fail")]
)
def test_inodes(total: int, free: int, expected: str) -> None:
    assert state_of(on_machine.inodes(total, free)) == expected


def test_a_folder_that_cannot_be_written_says_why() -> None:
    assert state_of(on_machine.writable("")) == "ok"
    assert on_machine.writable("/srv: Read-only file system").found == "/srv: Read-only file system"
    assert state_of(on_machine.writable("x")) == "fail"


@pytest.mark.parametrize(
    ("links", "listen", "expected"),
    [
        ((LO, ETH), "0.0.0.0", "ok"),
        ((LO, Link("eth0", None, ("192.0.2.2",))), "0.0.0.0", "ok"),
        ((LO, Link("eth0", False, ("192.0.2.2",))), "0.0.0.0", "fail"),
        ((LO, Link("eth0", None)), "0.0.0.0", "fail"),
        ((LO,), "0.0.0.0", "fail"),
        ((LO,), "127.0.0.1", "skipped"),
    ],
)
def test_a_link_is_needed_by_whoever_listens_to_others(
    links: tuple[Link, ...], listen: str, expected: str
) -> None:
    assert state_of(on_network.link(links, listen)) == expected


@pytest.mark.parametrize(
    ("links", "listen", "expected"),
    [
        ((LO, ETH), "0.0.0.0", "ok"),
        ((LO, ETH), "192.0.2.2", "ok"),
        ((LO, ETH), "192.0.2.3", "fail"),
        ((LO,), "0.0.0.0", "fail"),
        ((LO,), "127.0.0.1", "ok"),
    ],
)
def test_the_address_is_one_of_this_machine(links: tuple[Link, ...], listen: str, expected: str) -> None:
    assert state_of(on_network.address(links, listen)) == expected


def test_a_gateway_matters_to_whoever_is_reached_from_outside() -> None:
    assert state_of(on_network.gateway("192.0.2.1 (eth0)", "0.0.0.0")) == "ok"
    assert state_of(on_network.gateway("", "0.0.0.0")) == "warn"
    assert state_of(on_network.gateway("", "127.0.0.1")) == "skipped"


def test_name_servers_matter_when_something_has_a_name() -> None:
    assert state_of(on_network.name_servers(["192.0.2.53"], [])) == "ok"
    assert state_of(on_network.name_servers([], [])) == "skipped"
    finding = on_network.name_servers([], ["pbx.example"])
    assert state_of(finding) == "fail"
    assert "pbx.example" in finding.found


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (Page(200, has_form=True, took_s=0.01), "ok"),
        (Page(200, has_form=False, took_s=0.01), "fail"),
        (Page(500, has_form=True, took_s=0.01), "fail"),
        ("nobody answers on TCP port 8080", "fail"),
    ],
)
def test_the_login_page_has_the_form(page: Page | str, expected: str) -> None:
    assert state_of(on_services.login_page(page)) == expected


def test_telnet_asks_for_a_name() -> None:
    assert state_of(on_services.telnet("Callisto\r\n\r\nUsername: ")) == "ok"
    assert state_of(on_services.telnet("go away")) == "fail"
    assert on_services.telnet("", "connection refused").found == "connection refused"


def test_any_answer_of_sip_is_one() -> None:
    assert state_of(on_services.sip("403 Forbidden")) == "ok"
    assert state_of(on_services.sip("", "nobody answers")) == "fail"


def peer(**changed: Any) -> dict[str, Any]:
    return {"name": "pbx1", "state": "up", "registered": None, "problem": "", **changed}


@pytest.mark.parametrize(
    ("peers", "router", "expected"),
    [
        ([], True, "skipped"),
        ([peer()], True, "ok"),
        ([peer()], False, "fail"),
        ([peer(state="down", problem="408")], True, "fail"),
        ([peer(state="down"), peer(name="pbx2")], True, "warn"),
        ([peer(registered=False, problem="403"), peer(name="pbx2")], True, "fail"),
        ([peer(state="unknown")], True, "skipped"),
    ],
)
def test_the_pbx_by_what_the_router_knows(peers: list[Any], router: bool, expected: str) -> None:
    assert state_of(on_calls.pbx_reachable(peers, router=router)) == expected


def test_without_a_pbx_there_is_a_warning() -> None:
    assert state_of(on_calls.pbx_configured([])) == "warn"
    assert on_calls.pbx_configured(["pbx1", "pbx2"]) == Finding("ok", "pbx1, pbx2")


def test_a_damaged_store_names_the_damage() -> None:
    assert state_of(on_store.store([], 1.5, 0.1)) == "ok"
    finding = on_store.store(["page 7 is lost", "page 8 is lost"], 1.5, 0.1)
    assert state_of(finding) == "fail"
    assert "page 7 is lost (and 1 more)" in finding.found
    assert state_of(on_store.foreign_keys(["member to users"])) == "fail"
    assert state_of(on_store.foreign_keys([])) == "ok"


@pytest.mark.parametrize(
    ("problem", "looked_at", "free_mb", "expected"),
    [
        ("", datetime(2026, 11, 22, tzinfo=UTC), 500, "ok"),
        ("", None, 500, "ok"),
        ("", None, 130, "warn"),
        ("table audit, id 1: the row is missing", None, 500, "fail"),
    ],
)
def test_the_journal(problem: str, looked_at: datetime | None, free_mb: int, expected: str) -> None:
    assert state_of(on_store.journal(problem, "repair start force", looked_at, free_mb, 20.0)) == expected


@pytest.mark.parametrize(
    ("pending", "failed", "error", "expected"),
    [(0, 0, "", "ok"), (3, 0, "", "ok"), (5000, 0, "", "warn"), (0, 2, "", "fail"), (7, 0, "locked", "warn")],
)
def test_call_records(pending: int, failed: int, error: str, expected: str) -> None:
    assert state_of(on_store.call_records(pending, failed, error)) == expected


@pytest.mark.parametrize(
    ("server", "problem", "offset", "expected"),
    [
        ("", "", None, "skipped"),
        ("ntp", "no answer", None, "warn"),
        ("ntp", "", 0.2, "ok"),
        ("ntp", "", -3.0, "warn"),
        ("ntp", "", 3600.0, "fail"),
    ],
)
def test_the_time_by_its_server(server: str, problem: str, offset: float | None, expected: str) -> None:
    assert state_of(on_time.time_in_step(server, problem, offset)) == expected


@pytest.mark.parametrize(("days", "expected"), [(31, "ok"), (29, "warn"), (0, "fail"), (-1, "fail")])
def test_a_certificate_by_the_days_that_are_left(days: int, expected: str) -> None:
    ours = Certificate("tls_certificate", "callisto", NOW + timedelta(days=days))
    later = Certificate("tls_ca", "authority", NOW + timedelta(days=900))
    assert state_of(on_time.certificates([later, ours], NOW)) == expected


def test_a_certificate_that_cannot_be_read_fails_and_none_is_skipped() -> None:
    assert state_of(on_time.certificates([], NOW)) == "skipped"
    assert state_of(on_time.certificates([Certificate("tls_ca", problem="gone")], NOW)) == "fail"


def test_services_that_are_not_ready_are_named() -> None:
    assert (
        on_services.services([("web", "ready"), ("router", "backing off")]).found == "router is backing off"
    )
    assert state_of(on_services.services([("web", "ready")])) == "ok"
    assert state_of(on_services.services([("web", "failed")])) == "fail"


@pytest.mark.parametrize(
    ("written", "used", "error", "expected"),
    [
        (NOW, NOW, "", "ok"),
        (NOW, NOW.replace(microsecond=400000), "", "ok"),
        (None, None, "", "fail"),
        (NOW, None, "", "fail"),
        (NOW, NOW - timedelta(minutes=1), "", "warn"),
        (NOW, NOW, "the store is locked", "warn"),
    ],
)
def test_the_routing_table_is_the_one_in_the_file(
    written: datetime | None, used: datetime | None, error: str, expected: str
) -> None:
    assert state_of(on_calls.routing_table(written, used, error)) == expected
