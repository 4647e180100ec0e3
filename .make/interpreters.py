"""Another Python on this machine to try the tests with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def other() -> str | None:
    """A Python 3.12 that really runs (PYTHON312 names one), when this is another; None when there is none."""
    if sys.version_info[:2] == (3, 12):
        return None
    named = os.environ.get("PYTHON312")
    if named:
        return named if _is_312(named) else None
    found = shutil.which("python3.12")
    if found and _is_312(found):
        return found
    return _from_pyenv()


def _from_pyenv() -> str | None:
    """pyenv's shims run only the versions that are switched on; ask it where the others are."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    done = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True, check=False)
    for version in sorted((line.strip() for line in done.stdout.splitlines()), reverse=True):
        if not version.startswith("3.12"):
            continue
        prefix = subprocess.run(
            [pyenv, "prefix", version], capture_output=True, text=True, check=False
        ).stdout.strip()
        python = str(Path(prefix) / "bin" / "python3.12")
        if prefix and _is_312(python):
            return python
    return None


def _is_312(python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.split() == ["3", "12"]
