"""Changes: since when, on trial, confirmed, taken back; and what is said before one is made."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.variables.states import Actor
from shell import since, trying
from shell.reply import CommandError
from tests.fakes.shell_ports import Office
from tests.fakes.variables import NOON
from tests.shell.test_session import run, talk, value

ZURICH = ZoneInfo("Europe/Zurich")
WEB = Actor("berta", "192.0.2.9:5000", "web")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZURICH)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("today", at("2026-11-24 00:00")),
        ("since yesterday", at("2026-11-23 00:00")),
        ("SINCE 2h", NOON - timedelta(hours=2)),
        ("30min", NOON - timedelta(minutes=30)),
        ("3d", NOON - timedelta(days=3)),
        ("1 w", NOON - timedelta(weeks=1)),
        ("2026-11-20", at("2026-11-20 00:00")),
        ("since 2026-11-20 08:15", at("2026-11-20 08:15")),
        ("2026-11-20T08:15:00+00:00", datetime(2026, 11, 20, 8, 15, tzinfo=UTC)),
        ("7", 7),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, meant: datetime | int) -> None:
    assert since.parse(text, NOON, ZURICH) == meant


@pytest.mark.parametrize("text", ["tomorrow", "-2h", "2026-13-01", "99999999999999999999", "", "2 hours ago"])
def test_what_is_no_time_is_refused_with_what_is_right(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        since.parse(text, NOON, ZURICH)
    assert "yesterday, today, 30min" in refused.value.hint


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_time_or_refused(text: str) -> None:
    try:
        found = since.parse(text, NOON, ZURICH)
    except CommandError:
        return
    assert isinstance(found, int) or found.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "value", "minutes"),
    [
        ("30", "30", None),
        ("30 confirm", "30", 5),
        ("30 confirm 7", "30", 7),
        ("sun 02:00 CONFIRM 1440", "sun 02:00", 1440),
        ("30 confirm 2min", "30", 2),
        ('"" confirm', '""', 5),
        ("confirm", "confirm", None),
    ],
)
def test_how_long_a_value_is_tried_stands_behind_it(text: str, value: str, minutes: int | None) -> None:
    given = None if minutes is None else timedelta(minutes=minutes)
    assert trying.split(text) == (value, given)


@pytest.mark.parametrize("text", ["30 confirm 0", "30 confirm 1441", "30 confirm soon", "30 confirm -1"])
async def test_a_trial_that_is_too_long_is_refused_and_nothing_is_changed(text: str) -> None:
    office = Office()
    shown = await run(office, f"set gWebTimeout {text}")
    assert "from 1 to 1440" in shown
    assert await value(office, "gWebTimeout") == "20"


async def test_changes_are_shown_with_the_commands_that_do_and_undo_them() -> None:
    office = Office()
    await office.variables.set("gWebTimeout", "30", WEB)
    await run(office, "set gTimeServer ntp.example", "reset gWebTimeout", "undo 2", 'set gTimeServer ""')
    shown = await run(office, "show changes since today", "show changes since today | json")
    table, _, data = shown.partition("callisto# show changes since today | json")
    (web,) = [line for line in table.splitlines() if "berta, web" in line]
    assert web.split() == [
        "undo",
        "1",
        "2026-11-24",
        "13:00",
        "berta,",
        "web",
        "set",
        "gWebTimeout",
        "30",
        "20",
    ]
    assert "reset gWebTimeout" in table
    assert 'set gTimeServer ""' in table
    assert "(2)" in table
    assert "(taken back by 4)" in table
    found = json.loads(data.rpartition("]")[0] + "]")
    assert [(each["command"], each["take_back"]) for each in found][-1] == ("set gWebTimeout 30", "undo 1")


async def test_only_what_was_changed_since_then_is_shown() -> None:
    office = Office()
    await office.variables.set("gWebTimeout", "30", WEB)
    office.later(days=2)
    assert "berta" not in await run(office, "show changes since yesterday")
    assert "berta" in await run(office, "show changes since 3d")
    assert "berta" in await run(office, "show changes since 1")
    assert "Nothing has been changed since" in await run(office, "show changes since 2")
    assert "% 'nonsense' is no time" in await run(office, "show changes nonsense")


async def test_a_change_on_trial_says_until_when_and_how_to_keep_it() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 2 confirm 7", "show changes")
    assert "confirm 1, else it is undone at 13:07:00" in " ".join(shown.split())
    assert "Waiting to be confirmed:" in shown
    shown = await run(office, "confirm 1", "show changes", "confirm")
    assert "Change 1 is kept: set gWebTimeout 2." in shown
    assert "Waiting" not in shown
    assert "% no change waits to be confirmed" in shown


async def test_a_variable_shown_while_it_is_tried_says_until_when() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 2 confirm 7", "show variable gWebTimeout")
    assert "On trial     confirm 1, else it is undone at 13:07:00" in shown
    assert "On trial" not in await run(office, "show variable gStripCallerID")
    assert "On trial" not in await run(office, "confirm 1", "show variable gWebTimeout")


@pytest.mark.parametrize("word", ["confirm", "commit", "commit confirm", "conf"])
async def test_there_are_several_words_for_confirming_all_that_wait(word: str) -> None:
    office = Office()
    await run(office, "set gWebTimeout 2 confirm", "set gStripCallerID 2 confirm", word)
    assert not await office.variables.waiting()


async def test_support_can_confirm_nothing() -> None:
    office = Office()
    await run(office, "set gWebTimeout 2 confirm")
    assert "may read but not change" in await run(office, "confirm", role="support")
    assert await office.variables.waiting()


async def test_a_second_change_has_to_wait_for_the_first() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 2 confirm", "set gWebTimeout 3")
    assert "% gWebTimeout: change #1 by admin waits to be confirmed" in shown
    assert "first keep it (confirm 1) or take it back (undo 1)" in shown
    assert await value(office, "gWebTimeout") == "2"


async def test_at_the_next_login_one_is_told_what_was_undone_once() -> None:
    office = Office()
    await run(office, "set gWebTimeout 2 confirm", "set gStripCallerID 2 confirm")
    assert "Waiting to be confirmed" in await talk(office)
    await office.variables.give_up()
    assert "Your change 1 (set gWebTimeout 2) was undone" not in await run(office)  # scripts are told nothing
    shown = await talk(office)
    assert "Your change 1 (set gWebTimeout 2) was undone" in shown
    assert "nobody confirmed it in time" in shown
    assert "was undone" not in await talk(office)


async def test_the_history_tells_that_nobody_confirmed_it() -> None:
    office = Office()
    await run(office, "set gWebTimeout 2 confirm")
    await office.variables.give_up()
    shown = await run(office, "show changes")
    assert "system" in shown
    assert "(nobody confirmed it)" in shown


async def test_a_variable_that_can_lock_out_says_so_and_how_to_be_careful() -> None:
    office = Office()
    careful = "set gTimeServer VALUE confirm 5 is undone by itself"
    shown = " ".join((await run(office, "set gTimeServer ntp.example")).split())
    assert careful in shown
    assert careful in " ".join((await run(office, "show variable gTimeServer")).split())
    assert careful not in await run(office, "set gTimeServer ntp2.example confirm 5", "confirm")
    assert "confirm 5" not in await run(office, "set gStripCallerID 2")


async def test_before_it_is_set_a_variable_tells_everything_at_the_question_mark() -> None:
    office = Office()
    await run(office, "set gWebTimeout 30")
    shown = " ".join((await run(office, "set gWebTimeout ?")).split())
    for part in ("Now 30 min", "Default 20 min", "from 0 to 1440", "20 -> 30 by admin", "Calls not affected"):
        assert part in shown
    shown = await run(office, "set gWebTimeout 999999?")
    assert "% gWebTimeout: 999999 is more than 1440" in shown
    assert await value(office, "gWebTimeout") == "30"


async def test_numbers_of_changes_are_offered_at_the_question_mark() -> None:
    office = Office()
    shown = await run(office, "set gWebTimeout 30", "set gStripCallerID 2 confirm", "undo ?", "confirm ?")
    undo, confirm = shown.split("callisto# undo ?")[1].split("callisto# confirm ?")
    assert "set gWebTimeout 30" in undo
    assert "set gStripCallerID 2" in undo
    assert "set gStripCallerID 2" in confirm
    assert "gWebTimeout" not in confirm
