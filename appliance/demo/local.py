"""An appliance of one's own: `callisto run` on free ports of the loopback and a state folder apart.

For the demo and for the tests with real processes; it never touches an appliance that runs already.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from appliance.control.client import ControlClient, ControlUnavailableError

HOST = "127.0.0.1"
STOP_WITHIN_S = 8.0


class NotReadyError(Exception):
    """The appliance ended, or was not ready in time; the text carries the end of its log."""


def free_port() -> int:
    """Free for UDP and TCP at this moment."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((HOST, 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind((HOST, port))
            except OSError:
                continue
            return port
    raise NotReadyError("no port is free for both UDP and TCP")


def tree(pid: int) -> list[int]:
    """The process and its descendants, from /proc; empty when it is gone."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{one}/task").glob("*/children"))
            waiting += [int(child) for listed in tasks for child in listed.read_text().split()]
            found.append(one)
        except OSError:
            continue
    return [one for one in found if Path(f"/proc/{one}").exists()]


class LocalAppliance:
    """A context manager: whatever happens inside, the processes are gone afterwards."""

    def __init__(
        self, folder: Path, *, python: str = sys.executable, settings: Mapping[str, str] | None = None
    ) -> None:
        """`folder` takes state and log. `settings`: further CALLISTO_* variables, which win; the
        machine's clock is not for it to set all the same."""
        self.sip_port, self.telnet_port, self.web_port = free_port(), free_port(), free_port()
        self.telnets_port = free_port()
        self.state = folder / "state"
        self.log = folder / "appliance.log"
        self.password = secrets.token_urlsafe(12)
        self._python = python
        folder.mkdir(parents=True, exist_ok=True)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLISTO_")}
        packages = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (packages, inherited.get("PYTHONPATH"))))
        self.environment = {
            **inherited,
            "PYTHONPATH": path,
            "CALLISTO_CONFIG": "",
            "CALLISTO_LISTEN": HOST,
            "CALLISTO_STATE": str(self.state),
            "CALLISTO_SIP_PORT": str(self.sip_port),
            "CALLISTO_TELNET_PORT": str(self.telnet_port),
            "CALLISTO_TELNETS_PORT": str(self.telnets_port),
            "CALLISTO_MEDIA_PORT": str(free_port()),
            "CALLISTO_WEB_PORT": str(self.web_port),
            "CALLISTO_ADMIN_PASSWORD": self.password,
            **(settings or {}),
            "CALLISTO_CLOCK": "bare",
        }
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        if self._process is None:
            raise NotReadyError("the appliance has not been started")
        return self._process.pid

    @property
    def control_socket(self) -> Path:
        return self.state / "run" / "control.sock"

    def command(self, *arguments: str) -> Sequence[str]:
        return (self._python, "-P", "-m", "appliance", *arguments)

    def callisto(self, *arguments: str, within_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run one `callisto` command with this appliance's settings; the caller judges its exit code."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self._folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def launch(self) -> None:
        """Start `callisto run` and return at once."""
        with self.log.open("ab") as log:
            self._process = _spawn(self.command("run"), self._folder, self.environment, log)

    def start(self, within_s: float = 30) -> None:
        """Return when every service is ready; raise NotReadyError otherwise."""
        self.launch()
        deadline = time.monotonic() + within_s
        while not self.ready():
            if self._process is None or self._process.poll() is not None:
                raise NotReadyError(f"the appliance ended while starting:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"the appliance was not ready within {within_s:.0f} s:\n{self.log_end()}")
            time.sleep(0.1)

    def ready(self) -> bool:
        services = (self.status() or {}).get("services", [])
        return bool(services) and all(service["state"] == "ready" for service in services)

    def status(self) -> dict[str, Any] | None:
        """What the supervisor says, as `callisto status --json` shows it; None when nobody answers."""
        try:
            return asyncio.run(self._ask())
        except ControlUnavailableError:
            return None

    async def _ask(self) -> dict[str, Any]:
        async with ControlClient(self.control_socket) as control:
            answer: dict[str, Any] = await control.request("status", within=5)
            return answer

    def service(self, name: str) -> dict[str, Any]:
        """One service of the status; empty when nobody answers or there is no such service."""
        services: list[dict[str, Any]] = (self.status() or {}).get("services", [])
        return next((service for service in services if service["name"] == name), {})

    def interrupt(self) -> None:
        """What Ctrl-C does: SIGINT to the whole foreground process group."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)

    def wait(self, within_s: float) -> int:
        """The exit code; raises subprocess.TimeoutExpired."""
        if self._process is None:
            raise NotReadyError("the appliance has not been started")
        return self._process.wait(within_s)

    def stop(self) -> None:
        """Ask, wait, then kill what is left of the tree."""
        process = self._process
        if process is None:
            return
        started = tree(process.pid)
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_S)
        for pid in started:
            # A pid that is free again within these seconds is not given to another: Linux counts upwards.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def log_end(self, lines: int = 40) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def _spawn(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """In a process group of its own, so that a Ctrl-C meant for us does not reach it and its end is ours."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
