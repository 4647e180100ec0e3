"""One step of the build: said when it starts, timed, its output kept, its last lines shown when it fails."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHOWN_LINES = 25


class BuildError(Exception):
    """The engine could not be built: what failed, and what to do about it."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(slots=True)
class Stages:
    """Runs commands one after the other or side by side, with a log file for each in `logs`."""

    logs: Path
    out: TextIO
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        print(f"engine {time.monotonic() - self.started:6.1f} s  {text}", file=self.out, flush=True)

    def run(
        self, name: str, argv: Sequence[str], *, cwd: Path, hint: str, env: Mapping[str, str] | None = None
    ) -> str:
        """Run to the end and return what it printed; BuildError when it fails."""
        return self.wait(self.start(name, argv, cwd=cwd, hint=hint, env=env))

    def start(
        self, name: str, argv: Sequence[str], *, cwd: Path, hint: str, env: Mapping[str, str] | None = None
    ) -> Running:
        log = self.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        self.say(name)
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return Running(name, process, log, hint)

    def wait(self, running: Running) -> str:
        status = running.process.wait()
        text = running.log.read_text(encoding="utf-8", errors="replace")
        if status:
            tail = "\n".join(f"    {line}" for line in text.splitlines()[-SHOWN_LINES:])
            what = f"{running.name} failed (exit status {status}); its last lines:"
            raise BuildError(f"{what}\n{tail}\n  all of it: {running.log}", running.hint)
        return text


@dataclass(frozen=True, slots=True)
class Running:
    """A step under way."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    hint: str

    def stop(self) -> None:
        """End it if it still runs; for a step whose neighbour has failed."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
