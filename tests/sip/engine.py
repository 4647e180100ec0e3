"""Start the SIP side in a process of its own and talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
MOST_LEGS = 2048


class Engine:
    """The driver's process: commands in, events out."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.facts: dict[str, Any] = {}
        self.log: list[dict[str, Any]] = []
        self._partial = b""
        self._pending: list[dict[str, Any]] = []

    def do(self, command: str, **arguments: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, event: str, within: float = 5.0, **values: object) -> dict[str, Any]:
        """The next event of that kind with those values; others stay for later."""
        return self._next(
            lambda item: item.get("event") == event and values.items() <= item.items(), event, within
        )

    def ask(self, within: float = 5.0) -> dict[str, Any]:
        self.do("ask")
        reply: dict[str, Any] = self._next(lambda item: "reply" in item, "reply", within)["reply"]
        return reply

    def until_legs(self, count: int, within: float = 5.0) -> None:
        """Wait until that many call legs are in use."""
        until = time.monotonic() + within
        while (legs := self.ask()["legs_in_use"]) != count:
            assert time.monotonic() < until, f"{legs} legs in use, not {count}"

    def untold(self) -> list[dict[str, Any]]:
        """Events nobody has waited for. Asks first, so that all of the past is in."""
        self.ask()
        return list(self._pending)

    def forget(self) -> None:
        """Nobody waits for what has been told so far."""
        self._pending.clear()

    def close(self, within: float = 10.0) -> int:
        """Stop in order; the exit status."""
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.do("close")
        return self.process.wait(within)

    def _next(self, fits: Any, name: str, within: float) -> dict[str, Any]:
        until = time.monotonic() + within
        while True:
            for index, item in enumerate(self._pending):
                if fits(item):
                    return self._pending.pop(index)
            assert self._read(until - time.monotonic()), f"no {name} within {within} s; all: {self.log}"

    def _read(self, seconds: float) -> bool:
        assert self.process.stdout is not None
        if seconds <= 0 or not select.select([self.process.stdout], [], [], seconds)[0]:
            return False
        got = os.read(self.process.stdout.fileno(), 65536)
        *lines, self._partial = (self._partial + got).split(b"\n")
        items = [json.loads(line) for line in lines]
        self.log += items
        self._pending += items
        return bool(got)


@contextlib.contextmanager
def engine(
    port: int | None = None, host: str = HOST, legs: int = MOST_LEGS, media: int | None = None
) -> Iterator[Engine]:
    """A ready engine; ended, by its pid, at the end. `media`: the port of its media server."""
    port = port or free_port()
    more = [str(media)] if media else []
    process = start("tests.sip.driver", host, str(port), str(legs), *more)
    running = Engine(process, port)
    try:
        running.facts = running.wait("ready", within=20)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )


def free_port() -> int:
    """A port that is free on UDP and on TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((HOST, 0))
            port: int = udp.getsockname()[1]
            with contextlib.suppress(OSError):
                tcp.bind((HOST, port))
                return port
