"""linphonec, Linphone on a terminal: a process of its own, told what to do on its standard input.

It says a tone from a file and records what it hears.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import needs
from tests.interop.ports import HOST, free_ports
from tests.interop.recording import Recording, write_wav
from tests.sip.rtp import tone

SAYS_S = 60
SETTINGS = """[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port=-1
guess_hostname=0
contact="Linphone" <sip:{user}@{host}>
register_only_when_network_is_up=0
[rtp]
audio_rtp_port={low}-{high}
"""


@dataclass
class Linphone:
    """`do` what its `help` lists; calls count from 1."""

    user: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{HOST}:{self.port}"

    def do(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def until(self, said: str, within: float = 10.0) -> None:
        """It has said that, now or before."""
        until = time.monotonic() + within
        while said not in self.output():
            assert time.monotonic() < until, f"{self.user} did not say {said!r}, but {self.output()[-2000:]}"
            assert self.process.poll() is None, self.output()[-2000:]
            time.sleep(0.05)

    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def heard(self) -> Recording:
        return Recording(self.folder, "heard.wav")


@contextlib.contextmanager
def linphone(
    folder: Path, user: str, *, port: int = 0, says: int, answers: bool = True
) -> Iterator[Linphone]:
    """One that is ready; ended by its pid."""
    program = needs.program("linphonec", "linphone-cli")
    home = folder / user
    (home / ".local/share/linphone").mkdir(parents=True)
    port = port or free_ports(1)[0]
    low = free_ports(20)[0]
    settings = SETTINGS.format(port=port, user=user, host=HOST, low=low, high=low + 19)
    (home / "settings").write_text(settings, encoding="utf-8")
    write_wav(home / "says.wav", tone(says, SAYS_S))
    command = [program, "-c", str(home / "settings"), "-d", "6", "-l", str(home / "log")]
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, "-a"] if answers else command,
            cwd=home,
            env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    one = Linphone(user, port, home, process)
    try:
        one.until("linphonec> ", 20)
        one.do("ipv6 disable")
        one.do("soundcard use files")
        one.do(f"play {home / 'says.wav'}")
        one.do(f"record {home / 'heard.wav'}")
        one.until("record ")
        yield one
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
