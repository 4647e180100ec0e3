"""Programs that the build runs: with a log, without a terminal, and with the reason when one fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SYSTEM_PROGRAMS = "/usr/sbin:/sbin"
SHOWN_LINES = 15
GRACE = 5.0


class BuildError(Exception):
    """It cannot be built; `hint` says what to do about it."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def program(name: str, package: str) -> str:
    """Its path. Raises BuildError, which names Debian's package."""
    found = shutil.which(name) or shutil.which(name, path=SYSTEM_PROGRAMS)
    if found is None:
        raise BuildError(f"{name} is not on this machine", f"apt-get install {package}")
    return found


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> str:
    """What it said, both its outputs together; each line goes to `tell` at once. Raises BuildError."""
    words = [str(word) for word in argv]
    plain = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    plain.pop("PYTHONPATH", None)
    lines: list[str] = []
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=plain,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                tell(line.rstrip())
        except BaseException:
            _end(process)  # we were interrupted: it must not go on alone
            raise
    if process.returncode:
        last = "".join(f"    {line}" for line in deque(lines, SHOWN_LINES))
        raise BuildError(f"{Path(words[0]).name} has failed (exit status {process.returncode}):\n{last}")
    return "".join(lines)


def _end(process: subprocess.Popen[str]) -> None:
    """With time to tidy up. `unshare --fork` passes a SIGTERM over; killed, it takes its children along."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
