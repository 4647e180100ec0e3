"""The environment in `.venv`: made from the lock files, linked to the checkout, kept while they stay."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import installing
import stamp
from checkout import CHECKOUT, ENVIRONMENT, lock
from say import say, stop

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Environment:
    """One folder with one Python; the interpreter that runs this makes it."""

    folder: Path = ENVIRONMENT

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def ensure(self, locks: Sequence[str], *, stock_engine: bool = False) -> None:
        """Return when the locks and a SIP engine are in; silent when there is nothing to do."""
        wanted = stamp.Stamp(
            python=f"{sys.version.split()[0]} {Path(sys.executable).resolve()}",
            checkout=str(CHECKOUT),
            locks={name: stamp.digest(lock(name)) for name in locks},
        )
        made = stamp.read(self.folder)
        if made is None or not made.extends(wanted) or not self.python.exists():
            made = self._create(wanted)
        if not made.serves(wanted):
            made = self._fill(made, wanted)
        chosen = engine.ensure(self.python, made, stock=stock_engine)
        if chosen != made:
            stamp.write(self.folder, chosen)

    def _create(self, wanted: stamp.Stamp) -> stamp.Stamp:
        began = time.monotonic()
        say(f"making the environment {self.folder.name} with Python {wanted.python.split()[0]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            stop(f"no environment could be made: {(done.stderr or done.stdout).strip()}")
        self._link()
        say(f"  made in {time.monotonic() - began:.0f} s")
        return replace(wanted, locks={})

    def _fill(self, made: stamp.Stamp, wanted: stamp.Stamp) -> stamp.Stamp:
        names = [name for name in wanted.locks if made.locks.get(name) != wanted.locks[name]]
        began = time.monotonic()
        files = " and ".join(str(lock(name).relative_to(CHECKOUT)) for name in names)
        say(f"installing the Python packages of {files}")
        requirements = [argument for name in names for argument in ("-r", str(lock(name)))]
        installing.install(self.python, ["--require-hashes", *requirements])
        say(f"  installed in {time.monotonic() - began:.0f} s")
        filled = made.with_locks_of(wanted)
        stamp.write(self.folder, filled)
        return filled

    def _link(self) -> None:
        """Make the checkout importable from the environment, and `callisto` a command in it."""
        packages = next((self.folder / "lib").glob("python3.*/site-packages"))
        (packages / "callisto-checkout.pth").write_text(f"{CHECKOUT}\n", encoding="utf-8")
        command = self.folder / "bin" / "callisto"
        # A shell line, because a `#!` line can carry neither blanks nor a long path.
        command.write_text(
            f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -P -m appliance "$@"\n', encoding="utf-8"
        )
        command.chmod(0o755)
