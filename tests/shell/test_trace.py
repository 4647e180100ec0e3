"""The trace in the shell: what is shown while it runs, and what its user may do meanwhile."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from shell.obey import obey
from shell.pages.trace_live import PAUSED
from shell.ports import SystemUnavailableError
from shell.term import Line, plain
from shell.trace_ports import RING
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.fakes.variables import NOON
from tests.shell.telnet.client import eventually
from tests.shell.test_session import context, run
from tests.shell.watching import WITHIN, invite, record, watching


async def test_records_are_shown_as_they_come() -> None:
    office = Office()
    async with watching(office, "trace") as one:
        office.trace.put(record("it rings"), record("it burns", level="error", process="web"))
        await one.sees("it burns")
        shown = await one.end()
    assert "Trace of everything" in shown
    assert "Kept as 20261124-120000-admin; ends after 10 min or 50 MB." in shown
    assert "13:00:00.000 router   it rings" in shown
    assert "13:00:00.000 web      ERROR it burns" in shown
    assert "Trace ended: you ended it. 2 records" in shown
    assert "trace ladder 20261124-120000-admin" in shown


@pytest.mark.parametrize("key", [CTRL_C, "q", "Q", "\x04", "\x1b"])
async def test_a_key_ends_it_and_the_capture_that_nobody_else_watches(key: str) -> None:
    office = Office()
    async with watching(office, "trace") as one:
        await one.end(key)
    [capture] = await office.trace.captures()
    assert capture.ended is not None
    assert await office.trace.watchers() == []


@pytest.mark.parametrize("line", ["", "q", "anything"])
async def test_enter_ends_it_on_a_line_terminal(line: str) -> None:
    office = Office()
    async with watching(office, "trace", rich=False) as one:
        assert "Enter ends" in one.term.shown
        assert "you ended it" in await one.end(line)


async def test_only_what_is_chosen_is_shown() -> None:
    office = Office()
    async with watching(office, "trace number 0441234567 level warn") as one:
        office.trace.put(
            record("other", level="error"),
            record("too mild", numbers=("0441234567",)),
            record("right", level="error", numbers=("+41441234567",)),
        )
        await one.sees("right")
        shown = await one.end()
    assert "Trace of number 0441234567 · warning and worse" in shown
    assert "other" not in shown
    assert "too mild" not in shown


async def test_messages_are_shown_whole_when_they_are_asked_for() -> None:
    for line, whole in (("trace sip", True), ("trace", False)):
        office = Office()
        async with watching(office, line) as one:
            office.trace.put(invite())
            await one.sees("INVITE sip:300")
            assert ("    From: <sip:044@x>" in await one.end()) is whole


async def test_what_came_together_is_shown_in_its_order() -> None:
    office, at = Office(), NOON.timestamp()
    async with watching(office, "trace") as one:
        office.trace.put(record("the second", at=at + 0.002), record("the first", at=at + 0.001))
        await one.sees("the second")
        shown = await one.end()
    assert shown.index("the first") < shown.index("the second")


async def test_the_past_comes_first() -> None:
    office = Office()
    office.trace.past = [record("the past")]
    async with watching(office, "trace last 60s") as one:
        office.trace.put(record("the present"))
        await one.sees("the present")
        shown = await one.end()
    assert shown.index("the past") < shown.index("the present")


async def test_space_pauses_and_goes_on_without_a_loss() -> None:
    office = Office()
    async with watching(office, "trace") as one:
        one.term.press(" ")
        await one.sees(plain(PAUSED).strip())
        office.trace.put(record("meanwhile"))
        [watcher] = office.trace._views
        await eventually(lambda: not watcher.viewer._ring, "it is taken, to be shown later")
        assert "meanwhile" not in one.term.shown
        one.term.press(" ")
        await one.sees("meanwhile")


async def test_the_line_that_says_it_is_paused_goes_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def status(term: ScriptedTerm, line: Line) -> None:
        told.append(plain(line))

    monkeypatch.setattr(ScriptedTerm, "status", status)
    async with watching(Office(), "trace") as one:
        one.term.press(" ")
        await eventually(lambda: bool(told), "it pauses")
        await one.end()
    assert told == [plain(PAUSED), ""]


async def test_what_comes_while_it_pauses_is_bounded_and_counted() -> None:
    office = Office()
    async with watching(office, "trace") as one:
        one.term.press(" ")
        await one.sees("paused")
        for _ in range(3):
            office.trace.put(*(record(f"number {n}") for n in range(RING // 2 + 100)))
            [watcher] = office.trace._views
            viewer = watcher.viewer
            await eventually(lambda viewer=viewer: not viewer._ring, "it is taken, to be shown later")
        one.term.press(" ")
        await one.sees(f"[... {3 * (RING // 2 + 100) - RING} lines left out while it paused ...]")


async def test_what_a_slow_connection_misses_is_counted_where_it_is_missing() -> None:
    office = Office()
    async with watching(office, "trace") as one:
        office.trace.put(*(record(f"number {n}") for n in range(RING + 500)))
        await one.sees(f"number {RING + 499}")
        shown = await one.end()
    assert (
        "[... 500 lines missed: your connection is too slow ...]\n13:00:00.000 router   number 500" in shown
    )
    assert f"{RING} records in 0 s, 500 missed" in shown


async def test_m_asks_for_a_mark_that_everybody_sees() -> None:
    office = Office()
    async with (
        watching(office, "trace level error", "here it hangs") as one,
        watching(office, "trace process web") as other,
    ):
        assert "Also watching: admin" in other.term.shown
        one.term.press("m")
        for each in (one, other):
            await each.sees("---- admin: here it hangs")
    assert "mark: here it hangs" in office.audit.said("trace")


async def test_a_mark_is_put_on_a_line_terminal_too() -> None:
    office = Office()
    async with watching(office, "trace", rich=False) as one:
        one.term.press("mark here it hangs")
        await one.sees("---- admin: here it hangs")


async def test_a_mark_that_is_given_up_changes_nothing() -> None:
    office = Office()
    async with watching(office, "trace", CTRL_C) as one:
        one.term.press("m")
        await one.sees("Mark: ")
        office.trace.put(record("it goes on"))
        await one.sees("it goes on")
        assert "----" not in await one.end("q")


async def test_a_trace_that_ends_by_itself_says_why_and_what_is_kept() -> None:
    office = Office()
    async with watching(office, "trace for 1min") as one:
        assert "ends after 1 min or 50 MB" in one.term.shown
        office.trace.put(record("the last"))
        office.trace.end("20261124-120000-admin", "its 1 min are over")
        await asyncio.wait_for(one.task, WITHIN)
        shown = one.term.shown
    assert shown.index("the last") < shown.index("its 1 min are over")
    assert "show trace 20261124-120000-admin" in shown


async def test_a_trace_that_cannot_be_kept_is_shown_all_the_same_and_says_so() -> None:
    office = Office()
    office.trace.no_captures = "the disk is full"
    async with watching(office, "trace") as one:
        assert "Not kept: the disk is full" in one.term.shown
        office.trace.put(record("seen"))
        await one.sees("seen")
        assert "show trace" not in await one.end()


async def test_a_pipe_that_says_no_more_ends_a_trace_that_would_not_end() -> None:
    office = Office()
    async with watching(office, "trace", rich=False) as one:
        one.term.press(None)
        await asyncio.wait_for(one.task, WITHIN)
        assert "the client says no more" in one.term.shown
    async with watching(office, "trace for 1s", rich=False) as one:
        one.term.press(None)
        office.trace.put(record("still there"))
        await one.sees("still there")


async def test_the_end_of_a_session_leaves_no_view_and_no_capture_running() -> None:
    office = Office()
    async with watching(office, "trace") as one:
        one.task.cancel()
        with suppress(asyncio.CancelledError):
            await one.task
    assert await office.trace.watchers() == []
    assert [capture.ended for capture in await office.trace.captures()] == [NOON]
    assert any("the session ended" in said for said in office.audit.said("trace"))


async def test_begin_and_end_are_in_the_audit_trail() -> None:
    office = Office()
    async with watching(office, "trace sip") as one:
        office.trace.put(invite())
        await one.sees("INVITE")
        await one.end()
    assert office.audit.said("trace") == [
        "begins 20261124-120000-admin: SIP messages",
        "ends 20261124-120000-admin: you ended it, 1 records shown, 0 missed",
    ]


async def test_json_is_an_object_a_line_and_nothing_else() -> None:
    office = Office()
    term = ScriptedTerm(rich=False)
    task = asyncio.create_task(obey(context(office), term, "trace | json"))
    await eventually(lambda: bool(office.trace._views), "it looks")
    office.trace.put(invite(), record("\x1b]0;pwned\x07"))
    await eventually(lambda: len(term.lines) == 2, "both are shown")
    term.press("")
    await asyncio.wait_for(task, WITHIN)
    found = [json.loads(plain(line)) for line in term.lines]
    assert [one["group"] for one in found] == ["sip", "call"]
    assert found[0]["sip"]["raw"].startswith("INVITE")
    assert "\x1b" not in term.shown


async def test_filters_work_on_what_comes() -> None:
    office = Office()
    async with watching(office, "trace | match burns") as one:
        office.trace.put(record("it rings"), record("it burns"))
        await one.sees("it burns")
        assert "it rings" not in await one.end()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trace level loud", "% trace: there is no level 'loud'"),
        ("trace | count", "% trace: | count needs an end"),
        ("trace mark", "TEXT is missing"),
        ("show trace nothing", "% there are no captures"),
        ("trace ladder", "NAME is missing"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_can(line: str, said: str) -> None:
    office = Office()
    assert said in await run(office, line)
    assert await office.trace.watchers() == []


async def test_without_a_supervisor_it_is_said() -> None:
    office = Office()
    office.trace.failure = SystemUnavailableError("nobody listens")
    assert "% the supervisor does not answer: nobody listens" in await run(office, "trace")


async def test_a_process_by_name_is_a_choice_all_the_same() -> None:
    async with watching(Office(), "trace process web") as one:
        assert "Trace of everything · from web" in one.term.shown


async def test_peers_cannot_steer_the_terminal() -> None:
    office = Office()
    name = '"\x1b]0;pwned\x07" <sip:044@x>'
    async with watching(office, "trace sip") as one:
        office.trace.put(invite(raw=f"INVITE sip:300@x SIP/2.0\r\nFrom: {name}\r\n\r\n"))
        await one.sees("^[]0;pwned^G")
