"""The trace in the shell: what is shown while it runs, what its user may do meanwhile, and what is kept."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shell.commands import COMMANDS
from shell.completion import Known, suggest
from shell.obey import obey
from shell.pages.calls import latest_ids
from shell.pages.trace_live import PAUSED
from shell.ports import SystemUnavailableError
from shell.session import converse
from shell.term import EndOfInput, Line, Suggestion, plain
from shell.trace.record import Record, Sip
from shell.trace_ports import RING, Doing
from tests import needs
from tests.fakes.shell_ports import CTRL_C, NOON, Office, ScriptedTerm
from tests.shell.telnet.client import eventually
from tests.shell.test_session import context, run

WITHIN = 5.0
CALL = "3f2a77c1-0000-4000-8000-000000000001"


def record(text: str = "it rings", **given: object) -> Record:
    values = {"at": NOON.timestamp(), "process": "router", "level": "info", "group": "call", "text": text}
    return Record(**{**values, **given})  # type: ignore[arg-type]


def invite(
    call: str = CALL, raw: str = "INVITE sip:300@127.0.0.1 SIP/2.0\r\nFrom: <sip:044@x>\r\n\r\n"
) -> Record:
    sip = Sip("in", "127.0.0.1:5060", "192.0.2.1:5060", "udp", f"{call[:4]}@pbx", raw)
    return record("INVITE sip:300@127.0.0.1", group="sip", call=call, numbers=("0441234567", "300"), sip=sip)


@dataclass
class Watching:
    """Somebody in the middle of a command."""

    office: Office
    term: ScriptedTerm
    task: asyncio.Task[object]

    async def sees(self, text: str) -> None:
        await eventually(lambda: text in self.term.shown or self.task.done(), f"{text!r} is shown")
        assert text in self.term.shown, f"ended without {text!r}: {self.term.shown}"

    async def end(self, *keys: str) -> str:
        self.term.press(*(keys or (CTRL_C,)))
        await asyncio.wait_for(self.task, WITHIN)
        return self.term.shown


@asynccontextmanager
async def watching(
    office: Office, line: str, *answers: str, rich: bool = True, role: str = "administrator"
) -> AsyncIterator[Watching]:
    term = ScriptedTerm(*answers, rich=rich)
    about = context(office, role)
    task: asyncio.Task[object] = asyncio.create_task(obey(about, term, line))
    one = Watching(office, term, task)
    try:
        await one.sees("ends")
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, EndOfInput):
            await task


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


# -- what the processes do


async def test_processes_are_shown_every_second_until_a_key() -> None:
    office = Office()
    term = ScriptedTerm(rich=True)
    task = asyncio.create_task(obey(context(office), term, "trace processes"))
    await eventually(lambda: "3 calls now" in term.shown, "it is shown")
    office.trace.doing = (Doing("router", "ready", 2, ("4 calls now",)),)
    await eventually(lambda: "4 calls now" in term.shown, "it is shown anew")
    term.press("x", "q")
    await asyncio.wait_for(task, WITHIN)


async def test_processes_are_shown_once_on_a_line_terminal_and_as_data() -> None:
    office = Office()
    assert "3 calls now" in await run(office, "trace processes")
    shown = await run(office, "trace processes | json")
    found = json.loads(shown[shown.index("[") : shown.rindex("]") + 1])
    assert found[1] == {"process": "router", "state": "ready", "pid": 2, "doing": ["3 calls now"]}


async def test_a_process_by_name_is_a_choice_all_the_same() -> None:
    async with watching(Office(), "trace process web") as one:
        assert "Trace of everything · from web" in one.term.shown


# -- captures


async def kept(office: Office, *records: Record, role: str = "administrator") -> str:
    async with watching(office, "trace", role=role) as one:
        office.trace.put(*records)
        await one.sees(records[-1].text)
        await one.end()
    return (await office.trace.captures())[0].name


async def test_captures_are_listed_and_shown() -> None:
    office = Office()
    name = await kept(office, record("it rings"), invite(), record("it burns", level="error"))
    listed = await run(office, "show traces")
    for part in (name, "everything", "admin has ended it"):
        assert part in listed
    shown = await run(office, "show trace last")
    for part in (name, "it rings", "INVITE", "ERROR it burns", "by admin"):
        assert part in shown
    chosen = await run(office, f"show trace {name[:8]} level error")
    assert "it burns" in chosen
    assert "it rings" not in chosen
    assert "No record of group job" in await run(office, "show trace last group job")


async def test_what_a_capture_is_of_is_whole_on_a_screen() -> None:
    office = Office()
    await kept(office, record("it rings"))
    shown = " ".join((await run(office, "show traces", rich=True)).split())
    assert "everything" in shown
    assert "Started" not in shown


@pytest.mark.parametrize(
    ("line", "key", "values"),
    [
        ("show trace last", "group", ["call", "sip"]),
        ("show traces", "name", ["20261124-120000-admin"]),
        ("trace ladder last", "text", ["INVITE sip:300@127.0.0.1"]),
    ],
)
async def test_captures_are_given_as_data(line: str, key: str, values: list[str]) -> None:
    office = Office()
    await kept(office, record("it rings"), invite())
    shown = await run(office, f"{line} | json")
    found = json.loads(shown.partition("| json\n")[2].removesuffix("\ncallisto# "))
    assert [one[key] for one in found] == values


async def test_the_only_call_is_drawn_and_of_several_one_is_asked_for() -> None:
    office = Office()
    other = invite("77aa0000-0000-4000-8000-000000000002")
    options = replace(invite(call=""), text="OPTIONS", sip=replace(invite().sip, call_id="ping"))  # type: ignore[type-var]
    await kept(office, options, invite(), record("it rings", call=CALL))
    drawn = await run(office, "trace ladder last")
    assert f"Call {CALL}" in drawn
    assert "INVITE" in drawn
    await kept(office, invite(), other)
    asked = await run(office, "trace ladder last")
    assert "2 calls are in" in asked
    assert "77aa0000" in asked
    assert "Call 77aa" in await run(office, "trace ladder last 77AA")
    assert "% no call 99 is in" in await run(office, "trace ladder last 99")


async def test_a_name_that_can_mean_several_names_them() -> None:
    office = Office()
    await kept(office, record("one"))
    await kept(office, record("two"))
    assert "can mean 2 captures" in await run(office, "show trace admin")
    assert "% there is no capture 'x'" in await run(office, "show trace x")


async def test_support_may_trace_and_delete_its_own_captures_only() -> None:
    office = Office()
    name = await kept(office, record("of the administrator"))
    term = ScriptedTerm()
    await obey(context(office, "support"), term, f"trace delete {name}")
    assert f"% trace delete: {name} is of admin" in term.shown
    assert "is deleted" in await run(office, f"trace delete {name}")
    own = await kept(office, record("of support"), role="support")
    await obey(context(office, "support"), term, f"trace delete {own}")
    assert f"{own} is deleted" in term.shown
    assert await office.trace.captures() == []


async def test_a_capture_without_a_view_is_begun_and_stopped() -> None:
    office = Office()
    assert "runs: SIP messages" in await run(office, "trace start sip for 1min")
    office.trace.put(invite())
    assert "% 20261124-120000-admin runs" in await run(office, "trace delete last")
    assert "is stopped" in await run(office, "trace stop last")
    assert "INVITE" in await run(office, "show trace last")


async def test_peers_cannot_steer_the_terminal() -> None:
    office = Office()
    name = '"\x1b]0;pwned\x07" <sip:044@x>'
    async with watching(office, "trace sip") as one:
        office.trace.put(invite(raw=f"INVITE sip:300@x SIP/2.0\r\nFrom: {name}\r\n\r\n"))
        await one.sees("^[]0;pwned^G")


async def test_a_capture_is_exported_as_packets_that_tshark_reads(tmp_path: Path) -> None:
    office = Office()
    name = await kept(office, *(invite() for _ in range(150)), record("the end"))
    shown = await run(office, "trace export last pcap")
    text = shown.partition(f"-----BEGIN {name}.pcap-----")[2].partition(f"-----END {name}.pcap-----")[0]
    (tmp_path / "it.pcap").write_bytes(base64.b64decode(text))
    command = [needs.program("tshark"), "-r", str(tmp_path / "it.pcap"), "-Y", "sip.Method == INVITE"]
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert told.stdout.count("INVITE") == 150


async def test_a_capture_is_exported_as_an_object_a_line() -> None:
    office = Office()
    await kept(office, invite(), record("the end"))
    shown = await run(office, "trace export last json")
    found = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    assert [one["text"] for one in found] == ["INVITE sip:300@127.0.0.1", "the end"]
    assert "% trace export: 'doc' is no form" in await run(office, "trace export last doc")


# -- the page of the menu


async def play(
    office: Office, *answers: str, keys: str = " " * 40
) -> tuple[ScriptedTerm, asyncio.Task[None]]:
    """A person at the menu, who ends the live view when it has begun."""
    term = ScriptedTerm(*answers, rich=True, keys=keys)
    return term, asyncio.create_task(converse(context(office), term))


async def test_a_number_is_traced_by_numbers() -> None:
    office = Office()
    term, session = await play(office, "1", "2", "044 123 45 67", "", "0", "exit")
    await eventually(lambda: "Trace of number 0441234567" in term.shown, "it looks")
    office.trace.put(invite(), record("other"))
    await eventually(lambda: "INVITE sip:300" in term.shown, "it is shown")
    term.press("q")
    await asyncio.wait_for(session, WITHIN)
    assert "other" not in term.shown
    assert "Looking now: nobody." in term.shown
    assert "Captures: 1, 0 running" in term.shown
    assert office.audit.said("command")[:2] == ["menu 1", 'trace number "044 123 45 67"']


async def test_a_capture_is_drawn_and_deleted_by_numbers() -> None:
    office = Office()
    name = await kept(office, invite(), record("the end", call=CALL))
    term, session = await play(office, "1", "8", "1", "2", "", "", "1", "4", "", "", "0", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert f"Call {CALL}" in term.shown
    assert f"{name} is deleted." in term.shown
    assert "There are no captures" in term.shown
    assert await office.trace.captures() == []


async def test_the_page_says_when_there_is_no_supervisor() -> None:
    office = Office()
    office.trace.failure = SystemUnavailableError("nobody listens")
    term, session = await play(office, "1", "", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert "% the trace is not to be had: nobody listens" in term.shown


async def test_a_wrong_number_is_said_and_asked_again() -> None:
    term, session = await play(Office(), "1", "99", "", "0", "exit")
    await asyncio.wait_for(session, WITHIN)
    assert "% '99' is not one of the numbers" in term.shown


# -- completion


def test_a_choice_is_completed_with_the_newest_calls() -> None:
    known = Known(words={latest_ids: [Suggestion(CALL, "from 0441234567")]})
    assert [one.word for one in suggest(COMMANDS, "trace sip call ", known)] == [CALL]
    assert [one.word for one in suggest(COMMANDS, "trace level w", known)] == ["warning"]
    assert [one.word for one in suggest(COMMANDS, "show trace last number 200 gr", known)] == ["group"]
    assert "processes" in [one.word for one in suggest(COMMANDS, "trace ", known)]
