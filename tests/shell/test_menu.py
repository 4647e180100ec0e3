"""The menu by numbers, on a terminal with 80 columns and 24 rows."""

from __future__ import annotations

import pytest

from db.variables.catalogue import CATALOGUE
from shell.session import converse
from shell.term import plain, width
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import STATUS, Office, ScriptedTerm
from tests.shell.test_session import context

VARIABLES, INFORMATION = number_of("System Variables"), number_of("System Information")

NUMBER = str([variable.name for variable in CATALOGUE].index("gWebServerRestart") + 1)


async def play(office: Office, *lines: str, rich: bool = True, role: str = "administrator") -> ScriptedTerm:
    terminal = ScriptedTerm(*lines, rich=rich, keys=" " * 40)
    await converse(context(office, role), terminal)
    return terminal


async def test_the_menu_comes_first_with_the_state_of_the_machine_above() -> None:
    terminal = await play(Office(), "exit")
    header = plain(terminal.lines[0])
    assert header.startswith(" Callisto 0.1.0 · UCM · calbox ")
    assert header.endswith(" OK ")
    assert width(header) == 80
    for text in ("1  Trace", "2  Repair Database", "3  System Variables", "4  System Information", "0  Exit"):
        assert text in terminal.shown
    assert terminal.prompts == ["callisto# "]


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "lines"])
async def test_a_variable_is_set_by_numbers(rich: bool) -> None:
    office = Office()
    go_on = [""] if rich else []
    terminal = await play(office, VARIABLES, NUMBER, "1", "sun,wed 02:00", *go_on, "0", "q", "0", rich=rich)
    assert (await office.variables.get("gWebServerRestart")).value == "9,02:00"
    shown = terminal.shown
    before = shown.partition("New value of gWebServerRestart")[0]
    for fact in ("blank (never)", "a day bit mask", "Last change  never"):
        assert fact in before
    assert "gWebServerRestart is now 9,02:00 (Sunday, Wednesday at 02:00)." in shown
    changed = "set gWebServerRestart sun,wed 02:00"
    opened = "show variable gWebServerRestart"
    assert office.audit.said("command") == [f"menu {VARIABLES}", opened, changed, "menu 0"]


async def test_a_variable_is_chosen_by_its_name_too() -> None:
    office = Office()
    await play(office, VARIABLES, "gwebt", "1", "30", "", "2", "", "3", "", "", "", "0")
    changes = await office.variables.history("gWebTimeout")
    assert [change.new for change in changes] == ["30", "20", "30"]


async def test_a_refused_value_leaves_the_page_as_it_was() -> None:
    office = Office()
    terminal = await play(office, VARIABLES, "gWebTimeout", "1", "9999", "", "0", "0", "0")
    assert "% gWebTimeout: 9999 is more than 1440" in terminal.shown
    assert (await office.variables.get("gWebTimeout")).value == "20"


async def test_undo_in_the_page_of_a_variable_takes_back_no_other() -> None:
    office = Office()
    await play(
        office, "set gWebTimeout 30", "set gRecordVolume 200", VARIABLES, "gWebTimeout", "3", "", "0", "0"
    )
    assert (await office.variables.get("gWebTimeout")).value == "20"
    assert (await office.variables.get("gRecordVolume")).value == "200"


async def test_support_sees_the_pages_without_what_it_may_not_do() -> None:
    office = Office()
    terminal = await play(office, VARIABLES, "gWebTimeout", "1", "", "2", "", "0", "0", role="support")
    assert "Set a new value" not in terminal.shown
    assert "gWebTimeout has never been changed." in terminal.shown
    assert "% '2' is not one of the numbers" in terminal.shown


@pytest.mark.parametrize("back", ["0", "q", ""])
async def test_zero_q_and_enter_go_back(back: str) -> None:
    terminal = await play(Office(), VARIABLES, back, "exit")
    assert terminal.prompts[-1] == "callisto# "
    assert len(terminal.prompts) == 3


@pytest.mark.parametrize("nonsense", ["19", "99999999999999999999", "١٩"])
async def test_a_number_that_is_not_there_is_said(nonsense: str) -> None:
    terminal = await play(Office(), nonsense, VARIABLES, nonsense, "", "0", "exit")
    assert "%" in terminal.shown
    assert "should not have happened" not in terminal.shown


async def test_information_is_a_page_and_comes_back_to_the_menu() -> None:
    terminal = await play(Office(), INFORMATION, "", "exit")
    assert "PJSUA2 2.17 large" in terminal.shown
    assert terminal.shown.count("3  System Variables") == 2


async def test_every_page_of_variables_fits_a_screen_of_24_rows() -> None:
    for number in ("", *map(str, range(1, len(CATALOGUE) + 1))):
        terminal = ScriptedTerm(VARIABLES, number, rich=True)
        await converse(context(Office()), terminal)
        page = [plain(line) for line in terminal.lines]
        starts = [index for index, line in enumerate(page) if line.startswith(" Callisto")]
        screen = page[starts[-1] :]
        assert len(screen) <= 24, screen
        assert max(map(width, screen)) <= 80, screen


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"services": [{"name": "web", "state": "backing off"}]}, "web is backing off"),
        ({"host": {"disk_mb": 1000, "disk_free_mb": 10}}, "disk nearly full: 10 MB free"),
        ({"jobs": [{"name": "web restart", "last_result": "failed: no answer"}]}, "web restart failed"),
        ({"store": {"error": "locked"}}, "store: locked"),
        (None, "the supervisor does not answer"),
    ],
)
async def test_the_header_names_what_is_wrong(status: dict[str, object] | None, state: str) -> None:
    office = Office()
    office.system.now = None if status is None else STATUS | status
    terminal = await play(office, "exit")
    header = plain(terminal.lines[0])
    assert state in header
    assert "OK" not in header
    assert width(header) == 80
