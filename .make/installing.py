"""pip, as the set-up uses it: exactly what is named, nothing that it brings along by itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from say import stop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHOWN_LINES = 20


def install(python: Path, arguments: Sequence[str]) -> None:
    """`pip install` into the environment of `python`; ends the set-up with pip's last words when it fails."""
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=False,
    )
    if done.returncode:
        tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-SHOWN_LINES:])
        stop(f"pip could not install the packages (is this machine online?):\n{tail}")
