"""A real call seen from the shell: live, kept, drawn and written out; and what remains when somebody goes."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from tests import needs
from tests.journeys.conftest import Stage
from tests.journeys.office import AVAILABLE
from tests.journeys.telnet_admin import PROMPT, TelnetAdmin
from tests.journeys.test_a_call_to_the_manager_number import place
from tests.journeys.waiting import eventually
from tests.sip.peer import OFFER, peer
from tests.sip.peer import call as sip_call

NUMBER = "0441110071"


def admin(stage: Stage) -> TelnetAdmin:
    return TelnetAdmin(stage.appliance.telnet_port)


def traces(stage: Stage) -> list[dict[str, object]]:
    told = stage.appliance.callisto("traces", "--json")
    assert told.returncode == 0, told.stderr
    found: list[dict[str, object]] = json.loads(told.stdout)
    return found


def running(stage: Stage) -> list[str]:
    return [str(one["name"]) for one in traces(stage) if one["ended"] is None]


def test_a_call_is_traced_live_kept_drawn_and_written_out(stage: Stage, tmp_path: Path) -> None:
    with admin(stage) as shell:
        shell.login("admin+s", stage.appliance.password)
        shell.type(f"trace number {NUMBER}")
        name = re.search(r"Kept as (\S+);", shell.read_to("inserts a mark."))
        assert name, "it is kept"
        assert place(stage, AVAILABLE, NUMBER) == 0
        seen = shell.read_to("INVITE")
        seen += shell.read_to("BYE")
        assert "anna" in seen or "rings" in seen
        shell.type("mark that was it")
        shell.read_to("---- admin: that was it")
        shell.type("")
        assert "Trace ended: you ended it" in shell.read_to(PROMPT)
        drawn = shell.command("trace ladder last")
        for part in ("INVITE", "200 OK", "BYE", "Callisto"):
            assert part in drawn, drawn
        packets = shell.command("trace export last pcap")
    begin, end = f"-----BEGIN {name[1]}.pcap-----", f"-----END {name[1]}.pcap-----"
    file = tmp_path / "call.pcap"
    file.write_bytes(base64.b64decode(packets.partition(begin)[2].partition(end)[0]))
    read = subprocess.run(
        [needs.program("tshark"), "-r", str(file), "-Y", "sip", "-T", "fields", "-e", "sip.Method"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert {"INVITE", "ACK", "BYE"} <= set(read.stdout.split())
    assert name[1] in [one["name"] for one in traces(stage)]
    assert running(stage) == []


def test_what_a_caller_calls_himself_is_shown_and_never_sent(stage: Stage) -> None:
    with admin(stage) as shell, peer() as caller:
        shell.login("admin+s", stage.appliance.password)
        shell.type("trace sip text pwned")
        shell.read_to("inserts a mark.")
        who = '"\x1b]0;pwned\x07" <sip:0441110072@127.0.0.1>'
        dialog = sip_call(caller, stage.appliance.sip_port, AVAILABLE, sdp=OFFER, caller=who)
        seen = shell.read_to("^[]0;pwned^G")
        dialog.request("CANCEL")
        shell.type("")
        seen += shell.read_to(PROMPT)
    assert "\x1b" not in seen
    assert "\x07" not in seen


def test_a_session_that_goes_leaves_no_capture_running(stage: Stage) -> None:
    with admin(stage) as shell:
        shell.login("admin+s", stage.appliance.password)
        shell.type("trace level error")
        shell.read_to("inserts a mark.")
        assert len(running(stage)) == 1
    eventually(lambda: running(stage) == [])


def test_a_shell_that_is_killed_leaves_no_capture_running(own_stage: Stage) -> None:
    with admin(own_stage) as shell:
        shell.login("admin+s", own_stage.appliance.password)
        shell.type("trace level error")
        shell.read_to("inserts a mark.")
        assert len(running(own_stage)) == 1
        os.kill(own_stage.appliance.service("shell")["pid"], signal.SIGKILL)
        eventually(lambda: running(own_stage) == [], within_s=30)


def test_what_the_processes_do_is_told(stage: Stage) -> None:
    with admin(stage) as shell:
        shell.login("admin+s", stage.appliance.password)
        told = shell.command("trace processes")
    for process in ("supervisor", "router", "media", "shell", "web"):
        assert process in told


def test_callisto_trace_tells_programs_until_it_is_interrupted(stage: Stage) -> None:
    appliance = stage.appliance
    command = [*appliance.command("trace", "number", "0441110073", "--json")]
    with subprocess.Popen(
        command, env=appliance.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as looking:
        assert looking.stderr is not None
        assert looking.stdout is not None
        assert "kept as" in looking.stderr.readline()
        assert place(stage, AVAILABLE, "0441110073") == 0
        first = json.loads(looking.stdout.readline())
        assert "0441110073" in first["numbers"] or "0441110073" in first["text"]
        os.kill(looking.pid, signal.SIGINT)
        looking.stdout.read()
        assert looking.wait(10) == 0
    assert "INVITE" in appliance.callisto("traces", "last", "--ladder").stdout
    assert appliance.callisto("traces", "nonsense").returncode == 1
    eventually(lambda: running(stage) == [])


def test_callisto_trace_ends_with_the_program_that_reads_it(stage: Stage) -> None:
    appliance = stage.appliance
    command = [*appliance.command("trace", "sip")]
    with subprocess.Popen(
        command, env=appliance.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as looking:
        assert looking.stderr is not None
        assert looking.stdout is not None
        looking.stderr.readline()
        looking.stdout.close()
        assert place(stage, AVAILABLE, "0441110074") == 0
        assert looking.wait(10) == 1
        assert "Traceback" not in looking.stderr.read()
    eventually(lambda: running(stage) == [])
