"""baresip as a phone: a process of its own, told what to do and asked what happened over its control port.

Its microphone hears its own loudspeaker: whoever speaks to it hears himself, through both directions of the
call. (Only until it is held: baresip 1.0.0 does not join the two again.) What it hears is recorded too.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import needs
from tests.interop.ports import HOST, free_ports
from tests.interop.recording import Recording, write_wav
from tests.sip.rtp import tone

MODULES = Path("/usr/lib/baresip/modules")
CODECS = ("PCMU", "PCMA")
ECHO = "aubridge,echo"
SAYS_S = 60


@dataclass
class Baresip:
    """`events`: everything it told, oldest first; what was waited for is passed over by the next `wait`."""

    user: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    control: socket.socket
    events: list[dict[str, Any]] = field(default_factory=list)
    _partial: bytes = b""
    _passed: int = 0

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{HOST}:{self.port}"

    def do(self, command: str, parameters: str = "") -> None:
        message = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self.control.sendall(b"%d:%b," % (len(message), message))

    def dial(self, uri: str) -> None:
        self.do("dial", uri)

    def press(self, digits: str) -> None:
        for digit in digits:
            self.do("sndcode", digit)

    def wait(self, kind: str, within: float = 10.0) -> dict[str, Any]:
        """The next event of that kind."""
        until = time.monotonic() + within
        while True:
            for index in range(self._passed, len(self.events)):
                if self.events[index]["type"] == kind:
                    self._passed = index + 1
                    return self.events[index]
            left = until - time.monotonic()
            assert left > 0, f"{self.user}: no {kind} within {within:g} s, but {self.kinds()}"
            self._read(left)

    def until_registered(self) -> None:
        """It may have been before anybody could be told."""
        self.until(lambda: "binding]" in self.log(), "registered")

    def heard(self) -> Recording:
        """What came out of its loudspeaker, in the newest call."""
        return Recording(self.folder, "dump-*-dec.wav")

    def until(self, condition: Callable[[], bool], what: str, within: float = 10.0) -> None:
        until = time.monotonic() + within
        while not condition():
            assert time.monotonic() < until, f"{self.user}: {what} not within {within:g} s; {self.kinds()}"
            self._read(0.05)

    def kinds(self) -> list[str]:
        return [f"{event['type']} {event.get('param', '')}".strip() for event in self.events]

    def pressed(self) -> str:
        """The digits that came, one after the other."""
        self._read(0.01)
        return "".join(event["param"] for event in self.events if event["type"] == "CALL_DTMF_START")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _read(self, seconds: float) -> None:
        self.control.settimeout(max(0.01, seconds))
        with contextlib.suppress(TimeoutError):
            data = self.control.recv(65536)
            assert data, f"{self.user} has ended: {self.log()[-2000:]}"
            self._partial += data
        while b":" in self._partial:
            length, _, rest = self._partial.partition(b":")
            if len(rest) <= int(length):
                return
            message = json.loads(rest[: int(length)])
            self._partial = rest[int(length) + 1 :]
            if message.get("event"):
                self.events.append(message)


@contextlib.contextmanager
def baresip(
    folder: Path,
    user: str,
    *,
    port: int = 0,
    answers: str = "auto",
    codecs: tuple[str, ...] = CODECS,
    account: str = "",
    name: str = "",
    says: int = 0,
) -> Iterator[Baresip]:
    """One that is ready; ended by its pid. `port`: with the two after it. `answers`: auto or manual.

    `account`: further parameters of its account, each with its semicolon, or the whole of it. `says`: a tone
    of that frequency, instead of what it hears."""
    program = needs.program("baresip", "baresip-core")
    home = folder / user
    home.mkdir()
    port = port or free_ports(3)[0]
    control = port + 2
    shown = f'"{name}" ' if name else ""
    given = f"<sip:{user}@{HOST}:{port}>;regint=0" if not account.startswith("<") else account
    further = account if not account.startswith("<") else ""
    (home / "accounts").write_text(
        f"{shown}{given}{further};answermode={answers};audio_codecs={','.join(codecs)}\n", encoding="utf-8"
    )
    (home / "contacts").touch()
    source = ECHO
    if says:
        source = f"aufile,{home / 'says.wav'}"
        write_wav(home / "says.wav", tone(says, SAYS_S))
    (home / "config").write_text(_settings(port, control, source), encoding="utf-8")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-4", "-v", "-s", "-f", str(home)],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with _connected(control, process, home) as connection:
            yield Baresip(user, port, home, process, connection)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
        if process.poll() is None:
            process.kill()
        process.wait()


def _settings(port: int, control: int, source: str) -> str:
    modules = ("g711", "aufile", "aubridge", "sndfile", "srtp")
    applications = ("account", "menu", "debug_cmd", "ctrl_tcp")
    lines = (
        f"sip_listen {HOST}:{port}",
        f"net_interface {HOST}",
        f"module_path {MODULES}",
        *(f"module {name}.so" for name in modules),
        *(f"module_app {name}.so" for name in applications),
        f"ctrl_tcp_listen {HOST}:{control}",
        f"audio_source {source}",
        f"audio_player {ECHO}",
        "audio_alert aubridge,nowhere",
        "ausrc_channels 1",
        "auplay_channels 1",
        "call_local_timeout 120",
        "call_max_calls 4",
        "rtp_ports 22000-29998",
        "rtp_stats yes",
    )
    return "\n".join(lines) + "\n"


def _connected(port: int, process: subprocess.Popen[bytes], home: Path) -> socket.socket:
    until = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=5)
        except ConnectionRefusedError:
            said = (home / "log").read_text(errors="replace")
            assert process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.02)
