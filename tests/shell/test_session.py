"""Whole sessions on a scripted terminal: what is typed, what is shown, what is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from db.errors import StoreUnavailableError
from db.variables.catalogue import CATALOGUE
from db.variables.states import Actor
from shell.commands import COMMANDS
from shell.registry import Context
from shell.session import PROMPT, converse
from shell.telnet.sessions import Registry
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import CTRL_C, FakeAccount, FakeJobRun, FakeJobs, Office, ScriptedTerm
from tests.fakes.variables import NOON


def context(office: Office, role: str = "administrator") -> Context:
    user = "admin" if role == "administrator" else "help"
    sessions = {"sessions": 2, "limit": 64, "peak": 3, "refused": 0}
    account, people = FakeAccount(user, roles=frozenset({role})), Registry()
    own = people.enter(account, address="192.0.2.7:4000", since=NOON)
    return Context(
        office.services(),
        account,
        Actor(user, "192.0.2.7:4000", "telnet"),
        COMMANDS,
        lambda: sessions,
        people=people,
        own=own,
    )


async def run(office: Office, *lines: str, role: str = "administrator", **term: Any) -> str:
    """Everything shown by a script's session."""
    terminal = ScriptedTerm(*lines, **term)
    terminal.press(None)  # whatever goes on by itself ends
    await converse(context(office, role), terminal, script=True)
    return terminal.shown


async def talk(office: Office, *lines: str, role: str = "administrator", **term: Any) -> str:
    """Everything shown by the session of a person, who can be asked."""
    terminal = ScriptedTerm(*lines, **term)
    await converse(context(office, role), terminal)
    return terminal.shown


async def value(office: Office, name: str) -> str:
    return (await office.variables.get(name)).value


async def test_the_prompt_is_the_one_that_tools_know() -> None:
    terminal = ScriptedTerm("exit")
    await converse(context(Office()), terminal, script=True)
    assert terminal.prompts == [PROMPT] == ["callisto# "]


@pytest.mark.parametrize("word", ["exit", "logout", "quit", "ex", "0"])
async def test_there_are_several_words_for_leaving(word: str) -> None:
    terminal = ScriptedTerm(word, "show info")
    await converse(context(Office()), terminal, script=True)
    assert len(terminal.prompts) == 1


async def test_all_variables_are_listed_with_value_meaning_and_who_set_them() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 30", "show variables")
    for variable in CATALOGUE:
        assert variable.name in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("gWebTimeout  ")]
    assert line.split() == ["gWebTimeout", "30", "30", "min", "admin,", "just", "now"]
    assert "not in this edition" in shown


async def test_one_variable_is_shown_with_everything_to_know_before_changing_it() -> None:
    office = Office()
    await run(office, "set gWebTimeout 30")
    office.later(hours=3)
    shown = await run(office, "show variable gwebt")
    for part in ("30 min", "20 min", "from 0 to 1440", "20 -> 30 by admin", "3 h ago", "number 1"):
        assert part in shown


async def test_a_planned_restart_is_repeated_in_words_with_its_next_dates() -> None:
    shown = await run(Office(), "set gWebServerRestart sun,wed 02:00")
    assert "gWebServerRestart is now 9,02:00 (Sunday, Wednesday at 02:00)." in shown
    assert "Before     blank (never), the default" in shown
    assert "Wed 2026-11-25 02:00, Sun 2026-11-29 02:00, Wed 2026-12-02 02:00" in shown
    assert "undo 1" in shown


async def test_a_variable_that_nothing_reads_yet_says_so() -> None:
    assert "nothing in this version acts on it yet" in await run(Office(), "set gRecordVolume 200")


@pytest.mark.parametrize("blank", ['""', "''", "blank", "never"])
async def test_blank_can_be_typed(blank: str) -> None:
    office = Office()
    await run(office, "set gWebServerRestart 9,02:00", f"set gWebServerRestart {blank}")
    assert await value(office, "gWebServerRestart") == ""


async def test_a_refused_value_says_what_is_right_and_leaves_the_old_one() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 30", "set gWebTimeout 9999")
    assert "% gWebTimeout: 9999 is more than 1440" in shown
    assert "right is a whole number of minutes from 0 to 1440" in shown
    assert await value(office, "gWebTimeout") == "30"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("set gWebTimeoot 5", "gWebTimeout"),
        ("set gWeb 5", "is the beginning of several system variables"),
        ("set gSyncLineName 1", "cannot be set on the edition ucm"),
        ("set gwebt", "right is a whole number of minutes from 0 to 1440"),
        ("foo x?", "nothing begins with"),
        ("undo", "there is nothing to undo"),
        ("undo one", "is not the number of a change"),
        ("undo 99", "there is no change #99"),
        ("show history gFoo", "there is no system variable 'gFoo'"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_hint(line: str, says: str) -> None:
    shown = await run(Office(), line)
    assert "% " in shown
    assert says in shown


async def test_set_the_same_value_is_no_change() -> None:
    shown = await run(Office(), "set gWebTimeout 30", "set gWebTimeout 30")
    assert "gWebTimeout is 30 min already; nothing was changed." in shown


async def test_reset_and_undo_say_what_they_did() -> None:
    office = Office()
    shown = await run(office, "set gRecordVolume 200", "reset gRecordVolume", "undo", "show history")
    assert "gRecordVolume is now 400 %, the default." in shown
    assert "Undone     change 2" in shown
    assert await value(office, "gRecordVolume") == "200"
    assert "400 -> 200 (takes back 2)" in shown
    assert "200 -> 400 (taken back by 3)" in shown


async def test_support_reads_and_does_not_change() -> None:
    office = Office()
    shown = await run(
        office, "show variables", "set gWebTimeout 5", "reset gWebTimeout", "undo", role="support"
    )
    assert "gWebTimeout" in shown
    assert "% set: your role (support) may read but not change" in shown
    assert "% reset: your role (support) may read but not change" in shown
    assert "% undo: your role (support) may read but not change" in shown
    assert await value(office, "gWebTimeout") == "20"


async def test_every_command_is_in_the_audit_trail_refused_ones_too() -> None:
    office = Office()
    await run(office, "show info", "set gWebTimeout 9999", "show foo\x1b[2J", "", "1", "0", "0")
    assert office.audit.said("command") == [
        "show info",
        "set gWebTimeout 9999",
        "show foo^[[2J",
        "menu 1",
        "menu 0",
    ]


@pytest.mark.parametrize("typed", ["hunter2hunter2", "correct horse battery", "47114711", "pass;word | json"])
async def test_a_password_typed_as_a_command_is_not_in_the_audit_trail(typed: str) -> None:
    office = Office()
    await run(office, typed)
    (kept,) = office.audit.said("command")
    assert not set(typed.split()) & set(kept.split())
    assert typed not in str(office.audit.notes)


@pytest.mark.parametrize(
    "line",
    [f"{one.name} {{}}" for one in COMMANDS if one.shows and "trace" not in one.name],
    ids=lambda line: line[:-3],
)
async def test_whatever_is_shown_is_valid_json_with_nothing_around_it(line: str) -> None:
    office = Office(jobs=FakeJobs([FakeJobRun("web restart", "gWebServerRestart", NOON, NOON, None, "done")]))
    await run(office, "set gWebServerRestart 9,02:00")
    name = "gWebServerRestart" if "variable " in line or "history" in line else ""
    terminal = ScriptedTerm(f"{line.format(name)} | json", columns=40)
    await converse(context(office), terminal, script=True)
    text = terminal.shown.partition("| json\n")[2].removesuffix("\n" + PROMPT)
    assert isinstance(json.loads(text), dict | list)


async def test_an_error_is_json_too_when_json_was_asked_for() -> None:
    terminal = ScriptedTerm("show variable gFoo | json")
    await converse(context(Office()), terminal, script=True)
    data = json.loads(terminal.shown.partition("| json\n")[2])
    assert data["error"] == "there is no system variable 'gFoo'"


async def test_a_line_that_is_not_understood_is_answered_in_json_too() -> None:
    terminal = ScriptedTerm("show variabel gWebTimeout | json")
    await converse(context(Office()), terminal, script=True)
    data = json.loads(terminal.shown.partition("| json\n")[2])
    assert "is no command" in data["error"]


async def test_only_lines_that_match_are_shown() -> None:
    shown = await run(Office(), "show variables | match WEB")
    names = [line.split()[0] for line in shown.splitlines()[1:]]
    assert names == ["gMwiWebControls", "gWebServerRestart", "gWebTimeout", "callisto#"][: len(names)]
    assert len(names) >= 3


@pytest.mark.parametrize("line", ["terminal length 0", "terminal width 511", "term no monitor"])
async def test_what_tools_send_first_is_accepted_silently(line: str) -> None:
    terminal = ScriptedTerm(line)
    await converse(context(Office()), terminal, script=True)
    assert terminal.lines == [PROMPT + line]


async def test_help_lists_the_commands_and_explains_one() -> None:
    shown = await run(
        Office(), "?", "help", "help set", "show ?", "set gWebT?", "show jobs ?", "help nonsense"
    )
    assert "| match" in shown.partition("show jobs ?")[2]
    assert shown.count("show history [NAME]") == 2
    assert "the new value, to the end of the line" in shown
    assert "After how long without a click" in shown
    assert "% there is no command 'nonsense'" in shown


async def test_a_dead_supervisor_leaves_the_variables_and_is_said() -> None:
    office = Office()
    office.system.fail()
    shown = await run(office, "set gWebServerRestart sun 03:00", "show variables", "show info", "show jobs")
    assert "gWebServerRestart is now 1,03:00" in shown
    assert shown.count("does not answer") == 2
    assert "Sun 2026-11-29 03:00" in shown.partition("show jobs")[2]


async def test_a_broken_store_is_said_and_the_session_goes_on() -> None:
    office = Office()
    office.variables.failure = StoreUnavailableError("the store is locked", hint="wait")
    office.audit.failure = StoreUnavailableError("the store is locked")
    shown = await run(office, "show variables", number_of("System Variables"), "help undo")
    assert shown.count("% the store is locked") == 2
    assert "Take back a change." in shown


async def test_a_fault_of_ours_takes_nobodys_session(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    office.variables.failure = ZeroDivisionError("a bug")
    shown = await run(office, "show variables", "help undo")
    assert "% ZeroDivisionError: this should not have happened" in shown
    assert "Take back a change." in shown
    assert "a bug" in caplog.text


async def test_ctrl_c_is_a_new_prompt() -> None:
    terminal = ScriptedTerm(CTRL_C, CTRL_C, "exit")
    await converse(context(Office()), terminal, script=True)
    assert len(terminal.prompts) == 3


async def test_info_shows_the_facts_within_80_columns() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 30", "show info")
    body = shown.partition("show info\n")[2]
    for fact in (
        "OK", "Callisto 0.1.0", "UCM", "calbox", "3 d 4 h", "0.12 0.20 0.18", "1024 MB of 2048 MB free",
        "30.3 GB of 39.1 GB free", "2 of 64 sessions", "PJSUA2 2.17 large, 2 of", "6 of 8000 in use",
        "3 now, 120 in all", "192.0.2.10:5060", "registered", "sqlite:///var/callisto.db",
        "0001, revision 42", "asked to restart", "20 -> 30",
    ):  # fmt: skip
        assert fact in body, fact
    assert max(len(line) for line in body.splitlines()) <= 80


@pytest.mark.parametrize("status", [{}, {"services": [{}], "host": {"load": "x"}, "jobs": [{}], "store": 3}])
async def test_info_without_facts_says_unknown(status: dict[str, Any]) -> None:
    office = Office()
    office.system.now = status or {"version": None}
    shown = await run(office, "show info", "show jobs", "menu")
    assert "unknown" in shown
    assert "should not have happened" not in shown


async def test_jobs_show_next_and_last() -> None:
    office = Office(
        jobs=FakeJobs([FakeJobRun("web restart", "gWebServerRestart", NOON, None, None, "missed: off")])
    )
    office.system.now = {
        "jobs": [
            {
                "name": "web restart",
                "variable": "gWebServerRestart",
                "next_run": "2026-11-25T02:00:00+01:00",
                "last_run": "2026-11-22T02:00:00+01:00",
                "last_result": "done",
            }
        ]
    }
    shown = await run(office, "show jobs")
    assert "Wed 2026-11-25 02:00" in shown
    assert "2026-11-22 02:00: done" in shown
    assert "missed: off" in shown


@pytest.mark.parametrize("columns", [40, 60, 80])
async def test_help_is_whole_on_every_screen(columns: int) -> None:
    for line in ("help", "?"):
        terminal = ScriptedTerm(line, rich=True, columns=columns, rows=500)
        await converse(context(Office()), terminal)
        shown = " ".join(terminal.shown.split())
        for command in COMMANDS:
            assert command.hidden or command.help in shown


@pytest.mark.parametrize("line", ["show sessions", "sh sess"])
async def test_what_somebody_does_is_whole_on_a_screen(line: str) -> None:
    terminal = ScriptedTerm(line, rich=True)
    await converse(context(Office()), terminal)
    assert f"  {line}\n" in terminal.shown + "\n"
