"""Set Date/Time: what is asked before the clock is set, what is refused, and what is told afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from shell.clock_data import encode
from shell.clock_ports import ServerCheck
from shell.completion import suggest
from shell.ports import SystemUnavailableError
from shell.session import converse
from shell.term import plain, width
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import CTRL_C, STATUS, Office, ScriptedTerm
from tests.fakes.variables import NOON
from tests.shell.test_session import COMMANDS, context, run, talk

BEFORE = NOON
REFUSAL = "this machine's clock is not ours to set"


def local(text: str) -> datetime:
    """In Zurich's winter."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=1)


async def test_the_clock_is_shown_with_its_zone_and_its_server() -> None:
    office = Office()
    office.clock.server, office.clock.sync = "ntp.example", True
    office.clock.used = ["ntp.example"]
    shown = await run(office, "show clock")
    for part in ("Tue 2026-11-24 13:00:00 CET (UTC+01:00)", "Europe/Zurich", "in step with ntp.example"):
        assert part in shown


async def test_a_small_step_is_made_without_a_question() -> None:
    office = Office()
    shown = await run(office, "clock set 2026-11-24 13:05")
    assert office.clock.time == local("2026-11-24 13:05")
    assert "The time is now Tue 2026-11-24 13:05:00 CET (UTC+01:00)." in shown
    assert "5 min forward" in shown
    assert "(yes/no)" not in shown


@pytest.mark.parametrize("answer", ["yes", "y", "YES "])
async def test_a_step_of_more_than_five_minutes_is_made_after_a_yes(answer: str) -> None:
    office = Office()
    shown = await talk(office, "clock set 2026-11-24 15:05:30", answer)
    assert office.clock.time == local("2026-11-24 15:05:30")
    assert "Set the clock 2 h 5 min forward? (yes/no)" in shown
    assert "From  Tue 2026-11-24 13:00:00 CET" in shown


@pytest.mark.parametrize("answer", ["no", "n", "", CTRL_C, "show clock"])
async def test_without_a_yes_nothing_is_changed(answer: str) -> None:
    office = Office()
    shown = await talk(office, "clock set 2026-11-24 12:54", answer, "show audit")
    assert office.clock.time == BEFORE
    assert "othing was changed" in shown
    assert ("% 'show clock' is not yes" in shown) is (answer == "show clock")
    assert office.audit.said("clock") == []


async def test_a_line_that_goes_away_at_the_question_changes_nothing() -> None:
    office = Office()
    await run(office, "clock set 2026-11-24 19:00")
    assert office.clock.time == BEFORE


async def test_a_script_answers_with_force() -> None:
    office = Office()
    shown = await run(office, "clock set 2027-11-24 13:00 force", "show clock")
    assert office.clock.time == local("2027-11-24 13:00")
    assert "(yes/no)" not in shown


@pytest.mark.parametrize(("answer", "hour"), [("first", 0), ("f", 0), ("second", 1)])
async def test_of_a_time_that_comes_twice_it_is_asked_which(answer: str, hour: int) -> None:
    office = Office()
    shown = await talk(office, "clock set 2026-10-25 02:30", answer, "yes")
    assert "02:30 comes twice on 2026-10-25" in shown
    assert "The first (CEST) or the second (CET)?" in shown
    assert office.clock.time == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(("words", "hour"), [("first force", 0), ("force second", 1)])
async def test_a_script_says_which_of_the_two(words: str, hour: int) -> None:
    office = Office()
    await run(office, f"clock set 2026-10-25 02:30 {words}")
    assert office.clock.time == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


async def test_from_one_of_two_hours_to_the_other_is_an_hour() -> None:
    office = Office()
    office.clock.time = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    shown = await talk(office, "clock set 2026-10-25 02:30 second", "yes")
    assert "Set the clock 1 h forward?" in shown
    assert office.clock.time == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


async def test_force_does_not_guess_which_of_the_two() -> None:
    office = Office()
    shown = await run(office, "clock set 2026-10-25 02:30 force")
    assert "% clock set: 02:30 comes twice" in shown
    assert office.clock.time == BEFORE


async def test_instead_of_a_time_that_does_not_exist_the_next_is_offered() -> None:
    office = Office()
    shown = await talk(office, "clock set 2026-03-29 02:30", "no", "clock set 2026-03-29 02:30", "yes", "yes")
    assert "02:30 does not exist on 2026-03-29" in shown
    assert "Set 03:30:00 CEST instead?" in shown
    assert office.clock.time == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    forced = Office()
    await talk(forced, "clock set 2026-03-29 02:30 force")
    assert forced.clock.time == office.clock.time


async def test_while_synchronisation_runs_the_way_out_is_told() -> None:
    office = Office()
    office.clock.sync = True
    shown = await run(
        office, "clock set 2026-11-24 15:00", "clock sync off", "clock set 2026-11-24 15:00 force"
    )
    assert "% the time is kept by synchronisation" in shown
    assert "clock sync off first" in shown
    assert "Synchronisation is off now." in shown
    assert office.clock.time == local("2026-11-24 15:00")


@pytest.mark.parametrize(
    "line",
    ["clock set 2026-11-24 13:01", "clock set 2026-10-25 02:30", "clock zone Asia/Tokyo", "clock sync on"],
)
async def test_a_clock_that_is_not_ours_is_refused_with_the_way_out(line: str) -> None:
    office = Office()
    office.clock.refusal = REFUSAL
    shown = await run(office, line, "show clock")
    assert f"% {REFUSAL}" in shown
    assert shown.count("set it on the machine itself") == 2
    assert (office.clock.time, office.clock.zone, office.clock.sync) == (BEFORE, "Europe/Zurich", False)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("clock set 2026-11-24", "HH:MM[:SS] is missing"),
        ("clock set 2026-11-24 25:00", "right is YYYY-MM-DD HH:MM or HH:MM:SS"),
        ("clock set 1999-11-24 12:00", "is not between 2020 and 2099"),
        ("clock set 2026-11-24 13:00 please", "'please' was not understood"),
        ("clock set 2026-10-25 02:30 first second", "was not understood"),
        ("clock zone Europe/Zuerich", "did you mean Europe/Zurich"),
        ("clock sync maybe", "right is on or off"),
        ("clock check", "there is no time server to ask"),
        ("clock", "it may go on with: set"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_is_right(line: str, says: str) -> None:
    office = Office()
    shown = await run(office, line)
    assert "% " in shown
    assert says in shown
    assert office.clock.time == BEFORE


async def test_a_zone_is_set_and_everything_is_shown_in_it() -> None:
    office = Office()
    shown = await run(office, "clock zone america/new_york", "show clock", "show info")
    assert "The zone is now America/New_York; it is Tue 2026-11-24 07:00:00 EST (UTC-05:00)." in shown
    assert "clock zone Europe/Zurich" in shown
    assert "2026-11-24 07:00 EST" in shown.partition("show info")[2]


async def test_what_is_so_already_is_not_done_again() -> None:
    office = Office()
    shown = await run(office, "clock zone Europe/Zurich", "clock sync off")
    assert shown.count("already; nothing was changed.") == 2
    assert office.audit.said("clock") == []


async def test_who_set_what_is_in_the_audit_trail_with_both_times() -> None:
    office = Office()
    await run(office, "clock set 2026-11-24 13:05", "clock zone Asia/Tokyo", "clock sync on")
    assert office.audit.said("clock") == [
        "set from Tue 2026-11-24 13:00:00 CET (UTC+01:00) to Tue 2026-11-24 13:05:00 CET (UTC+01:00) "
        "(5 min forward)",
        "zone from Europe/Zurich to Asia/Tokyo",
        "synchronisation on",
    ]
    assert {note.actor.user for note in office.audit.notes} == {"admin"}


async def test_support_looks_at_the_clock_and_does_not_set_it() -> None:
    office = Office()
    lines = ("show clock", "clock set 2026-11-24 13:01", "clock zone Asia/Tokyo", "clock sync on")
    shown = await run(office, *lines, role="support")
    assert "Europe/Zurich" in shown
    assert shown.count("may read but not change") == 3
    assert (office.clock.time, office.clock.zone, office.clock.sync) == (BEFORE, "Europe/Zurich", False)


async def test_a_new_time_server_is_asked_and_its_answer_shown() -> None:
    office = Office()
    office.clock.servers["ntp.example"] = -7.25
    shown = await run(office, "set gTimeServer NTP.example")
    assert "gTimeServer is now ntp.example." in shown
    assert "it answers, stratum 2; this clock is 7.2 s ahead" in shown


@pytest.mark.parametrize("lines", [("set gTimeServer a.example",), ("set gTimeServer b.example", "undo")])
async def test_a_time_server_that_does_not_answer_is_a_warning_and_kept(lines: tuple[str, ...]) -> None:
    office = Office()
    shown = await run(office, *lines)
    warning = " ".join(shown.split("Warning")[-1].split())
    assert warning.startswith("no time from it: no answer within 2 s; it is kept all the same")
    change = (await office.variables.history("gTimeServer"))[0]
    assert office.clock.asked[-1] == change.new


async def test_blank_and_other_variables_ask_nobody() -> None:
    office = Office()
    await run(office, "set gTimeServer blank", "set gTimeServer blank", "set gWebTimeout 5", "undo")
    assert office.clock.asked == []


async def test_the_same_time_server_again_is_not_asked_again() -> None:
    office = Office()
    await run(office, "set gTimeServer a.example", "set gTimeServer a.example")
    assert office.clock.asked == ["a.example"]


async def test_a_dead_supervisor_keeps_nobody_from_setting_the_time_server() -> None:
    office = Office()

    async def gone(_: str) -> ServerCheck:
        raise SystemUnavailableError("nobody listens")

    office.clock.check = gone  # type: ignore[method-assign]
    shown = await run(office, "set gTimeServer a.example")
    assert "gTimeServer is now a.example" in shown
    assert "not yet: nobody listens" in shown


async def told(office: Office) -> Office:
    """With the clock in the supervisor's status, as it is now."""
    office.system.now = STATUS | {"clock": encode(await office.clock.state())}
    return office


async def test_the_variable_shows_whether_its_server_is_used_and_in_step() -> None:
    office = Office()
    office.clock.server = "pool.ntp.org"
    assert "not used while synchronisation is off" in await run(await told(office), "show variable gTimeS")
    office.clock.refusal = REFUSAL
    shown = await run(await told(office), "show variable gTimeServer")
    assert "asked when it is set, not used: the clock is not ours" in " ".join(shown.split())
    assert "at once" in shown


@pytest.mark.parametrize(
    ("sync", "server", "check", "says"),
    [
        (True, "pool.ntp.org", None, "pool.ntp.org, in step"),
        (False, "pool.ntp.org", None, "pool.ntp.org, sync off"),
        (None, "pool.ntp.org", None, "pool.ntp.org, not asked yet"),
        (None, "", None, "none"),
        (None, "ntp.example", ServerCheck("ntp.example", NOON, "no answer"), "ntp.example, no answer"),
        (None, "ntp.example", ServerCheck("ntp.example", NOON, "", 3.2, 2), "ntp.example, 3.2 s behind"),
    ],
)
async def test_system_information_has_the_time_server_and_its_state(
    sync: bool | None, server: str, check: ServerCheck | None, says: str
) -> None:
    office = Office()
    office.clock.server, office.clock.last = server, check
    office.clock.sync, office.clock.refusal = bool(sync), "" if sync is not None else REFUSAL
    shown = await run(await told(office), "show info")
    column = " ".join(line[:39].strip() for line in shown.splitlines())
    assert f"Server {says}" in " ".join(column.split())
    assert max(len(line) for line in shown.partition("show info\n")[2].splitlines()) <= 80


async def test_the_time_server_can_be_asked_at_any_time() -> None:
    office = Office()
    office.clock.server = "ntp.example"
    office.clock.servers["ntp.example"] = 0.004
    shown = await run(office, "clock check", role="support")
    assert "ntp.example: it answers, stratum 2; this clock is in step (4 ms apart)" in shown


async def test_the_clock_as_json_has_everything() -> None:
    terminal = ScriptedTerm("show clock | json")
    office = Office()
    office.clock.refusal = REFUSAL
    await converse(context(office), terminal, script=True)
    data = json.loads(terminal.shown.partition("| json\n")[2].removesuffix("\ncallisto# "))
    assert data["now"] == "2026-11-24T13:00:00+01:00"
    assert (data["zone"], data["settable"], data["refusal"], data["sync"]) == (
        "Europe/Zurich", False, REFUSAL, None,
    )  # fmt: skip


def test_zones_and_switches_are_completed() -> None:
    assert {one.word for one in suggest(COMMANDS, "clock zone europe/zu")} == {"Europe/Zurich"}
    assert {one.word for one in suggest(COMMANDS, "clock sync o")} == {"on", "off"}


# The page


async def page(office: Office, *lines: str, role: str = "administrator") -> ScriptedTerm:
    terminal = ScriptedTerm(number_of("Set Date/Time"), *lines, rich=True)
    await converse(context(office, role), terminal)
    return terminal


async def test_the_page_sets_time_zone_and_synchronisation_by_numbers() -> None:
    office = Office()
    terminal = await page(
        office, "1", "2026-11-24 15:00", "yes", "", "2", "Asia/Tokyo", "", "3", "", "0", "exit"
    )
    assert (office.clock.time, office.clock.zone) == (local("2026-11-24 15:00"), "Asia/Tokyo")
    assert office.clock.sync is True
    assert terminal.prompts[-1] == "callisto# "
    assert "Switch synchronisation off" in terminal.shown


@pytest.mark.parametrize("role", ["administrator", "support"])
async def test_the_page_offers_only_what_can_be_done(role: str) -> None:
    office = Office()
    office.clock.server = "ntp.example"
    if role == "administrator":
        office.clock.refusal = REFUSAL
    terminal = await page(office, "1", "", "2", "", "0", "exit", role=role)
    for absent in ("Set date and time", "Set the zone", "Switch"):
        assert absent not in terminal.shown
    assert office.clock.asked == ["ntp.example"]
    assert "% '2' is not one of the numbers" in terminal.shown


async def test_the_page_fits_a_small_screen() -> None:
    office = Office()
    office.clock.server, office.clock.refusal = "a" * 60 + ".example", REFUSAL
    office.clock.last = ServerCheck(office.clock.server, NOON, "no answer within 2 s")
    terminal = await page(office)
    lines = [plain(line) for line in terminal.lines]
    start = max(index for index, line in enumerate(lines) if line.startswith(" Callisto"))
    assert len(lines[start:]) <= 24
    assert max(map(width, lines[start:])) <= 80


async def test_a_page_without_a_supervisor_says_so_and_goes_back() -> None:
    office = Office()

    async def gone() -> None:
        raise SystemUnavailableError("nobody listens")

    office.clock.state = gone  # type: ignore[assignment]
    terminal = await page(office, "", "exit")
    assert "% the clock cannot be looked at: nobody listens" in terminal.shown
    assert terminal.prompts[-1] == "callisto# "


async def test_what_is_typed_is_meant_in_the_zone_that_is_shown() -> None:
    office = Office()
    office.clock.zone = "Asia/Tokyo"
    await run(office, "clock set 2026-11-24 21:01")
    assert office.clock.time == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asks", "instead"),
    [
        ("clock set 2026-11-24 15:05:30", "clock set 2026-11-24 15:05:30 force"),
        ("clock set 2026-10-25 02:30", "clock set 2026-10-25 02:30:00 first force, or second force"),
        ("clock set 2026-03-29 02:30", "clock set 2026-03-29 02:30:00 force"),
    ],
)
async def test_a_script_is_not_asked_but_told_the_command_that_does_not_ask(asks: str, instead: str) -> None:
    office = Office()
    shown = await run(office, asks, "show clock")
    assert office.clock.time == BEFORE
    assert "% this asks first, and a script is not asked" in shown
    assert f"instead: {instead}" in shown
    assert "(yes/no)" not in shown
    await run(office, instead.partition(",")[0])
    assert office.clock.time != BEFORE
