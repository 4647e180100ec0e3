"""What is kept of traces: shown, drawn, exported, deleted."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from shell.obey import obey
from tests import needs
from tests.fakes.shell_ports import Office, ScriptedTerm
from tests.shell.test_session import context, run
from tests.shell.watching import CALL, invite, kept, record


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
