"""sipvicious, as it is in Debian, from an address that may not call: it learns little and disturbs nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.hostile.conftest import ATTACKER, GOOD, ROUTER, House
from tests.hostile.relay import Relay, relay
from tests.journeys.waiting import eventually
from tests.sip.peer import Peer

SCAN_S = 3.0
ENOUGH = 200
TOOLS = {
    "svmap": ("svmap", "-p{port}", "-mINVITE", "{host}"),
    "svwar": ("svwar", "--force", "-mINVITE", "-e100-999", "-p{port}", "{host}"),
    "svcrack": ("svcrack", "-u600", "-r1-9999", "-p{port}", "{host}"),
}


@contextlib.contextmanager
def scanning(tool: str, wire: Relay, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = needs.program(tool, "sipvicious")
    host, port = wire.address
    options = [part.format(host=host, port=port) for part in TOOLS[tool][1:]]
    with (folder / f"{tool}.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"-b{ATTACKER}", *options],
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_scanner_learns_little_and_a_call_in_progress_is_untouched(
    house: House, caller: Peer, tmp_path: Path, tool: str
) -> None:
    pid = house.pid()
    dialog = house.call(caller, GOOD[0])
    with relay(ATTACKER, house.address) as wire, scanning(tool, wire, tmp_path) as scanner:
        until = time.monotonic() + SCAN_S
        while time.monotonic() < until and scanner.poll() is None and wire.questions < ENOUGH:
            time.sleep(0.02)
        assert wire.questions, (tmp_path / f"{tool}.log").read_text(errors="replace")
        house.still_up(caller, dialog)
        other = house.call(caller, GOOD[1])
        house.end(caller, other)
    assert wire.answered <= wire.asked
    assert all(answer.startswith(b"SIP/2.0 403 ") for answer in wire.answers)
    assert len(wire.answers) <= 3 + 2 * SCAN_S, "a burst, and then one a second"
    house.end(caller, dialog)
    house.stage.until_idle()
    assert house.pid() == pid


def test_a_stranger_on_tcp_is_refused_now_and_then(house: House, caller: Peer) -> None:
    dialog = house.call(caller, GOOD[0])
    asked, answers = 0, b""
    for number in range(100):
        with socket.socket() as sock:
            sock.bind((ATTACKER, 0))
            sock.settimeout(1)
            try:
                sock.connect(house.address)
                question = (
                    f"INVITE sip:{number}@{ROUTER} SIP/2.0\r\n"
                    f"Via: SIP/2.0/TCP {ATTACKER};branch=z9hG4bK{number}\r\n"
                    f"From: <sip:x@y>;tag=1\r\nTo: <sip:z@y>\r\nCall-ID: {number}@scan\r\nCSeq: 1 INVITE\r\n"
                    "User-Agent: friendly-scanner\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                ).encode()
                sock.sendall(question)
                asked += len(question)
                sock.settimeout(0.02)
                answers += sock.recv(65535)
            except OSError:
                continue  # turned away, or left without an answer
    assert len(answers) <= asked
    assert 0 <= answers.count(b"SIP/2.0 403 ") < 20
    assert answers.count(b"SIP/2.0 ") == answers.count(b"SIP/2.0 403 ")
    house.still_up(caller, dialog)
    house.end(caller, dialog)
    eventually(lambda: house.stage.facts()["strangers"]["dropped"] > 0)
    house.stage.until_idle()
