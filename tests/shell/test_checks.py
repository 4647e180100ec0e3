"""The self test on the terminal: as it goes on, and as data."""

from __future__ import annotations

import json

import pytest

from shell import checks_data
from shell.checks_ports import CheckResult
from shell.pages.checks import lines_of
from shell.ports import SystemUnavailableError
from shell.session import PROMPT, converse
from shell.term import plain
from tests.fakes.menu import number_of
from tests.fakes.self_test import RESULTS
from tests.fakes.shell_ports import Office, ScriptedTerm
from tests.shell.test_session import context, run

FAILED = CheckResult(
    "PBX reachable", "fail", "pbx1 down (no answer)", "check address and transport of the peer, " * 3
)


async def test_each_check_is_shown_with_what_to_do_and_counted_at_the_end() -> None:
    shown = await run(Office(), "self test")
    assert "  ok       memory" in shown
    assert "warning  PBX configured" in shown
    assert "-> name it as [[peer]] in callisto.toml" in shown
    assert "4 checks: 2 ok, 1 with a warning, 1 skipped." in shown


async def test_it_stays_within_80_columns() -> None:
    office = Office()
    office.self_test.results = (*RESULTS, FAILED)
    shown = await run(office, "self test", "self test | except 4711")
    assert "1 failed" in shown
    body = shown.partition("self test\n")[2]
    assert max(len(line) for line in body.splitlines()) <= 80


async def test_what_was_done_is_shown_even_when_the_supervisor_goes_away() -> None:
    office = Office()
    office.self_test.failure = SystemUnavailableError("it has ended")
    shown = await run(office, "self test")
    assert "login page" in shown
    assert "% the supervisor does not answer: it has ended" in shown


async def test_a_check_is_shown_before_the_next_one_is_done() -> None:
    office, seen = Office(), []

    class Slow:
        async def run(self):  # type: ignore[no-untyped-def]
            for result in RESULTS:
                seen.append(terminal.shown)
                yield result

    terminal = ScriptedTerm("self test")
    office.self_test = Slow()  # type: ignore[assignment]
    await converse(context(office), terminal, script=True)
    assert "memory" in seen[1]
    assert "login page" not in seen[1]


async def test_programs_get_the_verdict_and_nothing_else() -> None:
    office = Office()
    office.self_test.results = (*RESULTS, FAILED)
    terminal = ScriptedTerm("self test | json")
    await converse(context(office), terminal, script=True)
    data = json.loads(terminal.shown.partition("| json\n")[2].removesuffix(PROMPT))
    assert data["ok"] is False
    assert {each["name"]: each["state"] for each in data["checks"]}["PBX reachable"] == "fail"


async def test_only_what_is_wrong_can_be_asked_for() -> None:
    shown = await run(Office(), "self test | match warning")
    body = shown.partition("warning\n")[2]
    assert "PBX configured" in body
    assert "login page" not in body


async def test_the_menu_has_it() -> None:
    office = Office()
    shown = await run(office, number_of("Self Test"), "0")
    assert "4 checks:" in shown
    assert office.support.kept == []


async def test_its_page_makes_a_bundle_too() -> None:
    office = Office()
    assert "is ready" in await run(office, number_of("Self Test"), "1")
    assert len(office.support.kept) == 1


def test_a_remedy_of_what_is_well_is_not_shown_and_names_are_safe() -> None:
    lines = lines_of(CheckResult("x\x1b[2J", "ok", "fine", "never shown"), 80)
    text = "\n".join(plain(line) for line in lines)
    assert "never" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "found", [None, 3, {}, {"name": "x"}, {"name": "x", "state": "good"}, {"state": "ok"}]
)
def test_what_is_no_result_is_left_out(found: object) -> None:
    assert checks_data.decode(found) is None
    assert checks_data.decode_all([found, checks_data.encode(FAILED)]) == (FAILED,)


def test_warnings_are_no_failures() -> None:
    assert checks_data.passed(RESULTS)
    assert not checks_data.passed((*RESULTS, FAILED))
