"""Simulated phones and callers: sipp processes that play a scenario of this package."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.demo.local import HOST, free_port

_SCENARIOS = Path(__file__).parent / "scenarios"
ANSWERS = _SCENARIOS / "answers.xml"
"""Rings, is answered after 1.5 s and notes that it was connected."""
RINGS = _SCENARIOS / "rings.xml"
"""Rings and is never answered."""
CALLER = _SCENARIOS / "caller.xml"
INSTALL = "apt-get install sip-tester"


class NoSippError(Exception):
    """sipp is not on this machine; the text names the command that installs it."""


def sipp() -> str:
    """The path of sipp."""
    found = shutil.which("sipp")
    if found is None:
        raise NoSippError(f"the phones of the demo are played by sipp, which is not installed: {INSTALL}")
    return found


class Phone:
    """One simulated phone that plays a scenario for each call; a context manager."""

    def __init__(self, name: str, scenario: Path, folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self._scenario = scenario
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{HOST}:{self.port}"

    def __enter__(self) -> Self:
        logging = ("-trace_logs", "-log_file", str(self._log))
        self._process = _start(self._scenario, ("-p", str(self.port), *logging), self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            end(self._process)

    def connected(self) -> int:
        """Calls that were connected to this phone: answered, and the answer acknowledged."""
        try:
            return self._log.read_text().count("connected")
        except FileNotFoundError:
            return 0


def call(folder: Path, sip_port: int, dialled: str, *, number: str, name: str) -> subprocess.Popen[bytes]:
    """Place one call as `number`; the process ends with it: 0 when it was answered and ended well."""
    where = (f"{HOST}:{sip_port}", "-p", str(free_port()), "-s", dialled)
    who = ("-key", "caller_name", name, "-key", "caller_number", number)
    return _start(CALLER, (*where, *who, "-m", "1", "-timeout", "30", "-timeout_error"), folder)


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate and reap."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    process.kill()
    process.wait()


def _start(scenario: Path, arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        (sipp(), "-sf", str(scenario), *arguments, "-i", HOST, "-nostdin"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
