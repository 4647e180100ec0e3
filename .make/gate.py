"""`make check`: every rule that a machine can hold us to, cheap ones first, the tests last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import interpreters
from checkout import CHECKOUT, ENVIRONMENT, OTHER_ENVIRONMENT
from say import say

if TYPE_CHECKING:
    from collections.abc import Mapping

BIN = ENVIRONMENT / "bin"
PYTEST = ("-P", "-m", "pytest")
PARALLEL = ("-n", "auto", "--cache-clear")
TESTS_FAILED = 1
"""pytest's exit status for it: no other means that all of them were run."""
MOST_AGAIN = 5
"""Failed tests that may be the machine's fault, which does other work too; more are not."""
SLOW = ("journeys", "interop", "hostile", "nightly", "bench", "build")
FAST = (*(f"--ignore=tests/{part}" for part in SLOW), "-q")


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: what it is called, and the command that fails when it is broken."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = CHECKOUT


@dataclass(frozen=True, slots=True)
class Tests(Step):
    """`remembers`: where pytest keeps the names of those that failed."""

    remembers: Path = CHECKOUT / ".pytest_cache"

    @property
    def first(self) -> tuple[str, ...]:
        return (*self.argv, "-o", f"cache_dir={self.remembers}")


RULES = (
    Step("lint", (str(BIN / "ruff"), "check", "--quiet")),
    Step("format", (str(BIN / "ruff"), "format", "--check", "--quiet")),
    Step("types", (str(BIN / "mypy"),)),
    Step("types of the set-up", (str(BIN / "mypy"), "--strict", ".make"), {"MYPYPATH": ".make"}),
    Step("layers", (str(BIN / "lint-imports"), "--no-logo")),
    Step("packaging", (str(BIN / "python"), ".make/distribution.py")),
)
TESTS = Tests("tests", (str(BIN / "python"), *PYTEST, *PARALLEL, "--cov", "--cov-report=term:skip-covered"))


def run() -> int:
    """0 when every rule holds. Broken cheap rules are all shown; then the tests are not run."""
    broken = [step.name for step in RULES if not holds(step)]
    if broken:
        say(f"broken: {', '.join(broken)}")
        return 1
    for step in (*_other_python(), TESTS):
        if not holds(step):
            return 1
    return 0


def holds(step: Step) -> bool:
    """Run it with its output shown."""
    began = time.monotonic()
    say(f"check: {step.name}")
    status = _run(step.first if isinstance(step, Tests) else step.argv, step)
    good = status == 0 or (status == TESTS_FAILED and isinstance(step, Tests) and _hold_alone(step))
    verdict = "holds" if good else f"BROKEN (exit status {status})"
    if step is not TESTS or not good:
        say(f"check: {step.name} {verdict}, {time.monotonic() - began:.1f} s")
    return good


def _hold_alone(step: Tests) -> bool:
    """A few failures among thousands: whether they pass one after the other, with nothing beside them. They
    are named either way: a test that needs this has to be mended."""
    try:
        failed = sorted(json.loads((step.remembers / "v/cache/lastfailed").read_text()))
    except (OSError, ValueError):
        return False
    if not 0 < len(failed) <= MOST_AGAIN:
        return False
    python = step.argv[0]
    say(f"check: {step.name}: {len(failed)} failed, and once more alone: {', '.join(failed)}")
    if _run((python, *PYTEST, "-q", "-p", "no:cacheprovider", *failed), step):
        return False
    say(f"check: {step.name}: UNSTEADY, they passed alone; to be mended: {', '.join(failed)}")
    return True


def _run(argv: tuple[str, ...], step: Step) -> int:
    done = subprocess.run(argv, cwd=step.folder, stdin=subprocess.DEVNULL, env=_env(step), check=False)
    return done.returncode


def _other_python() -> tuple[Step, ...]:
    """The fast tests on Python 3.12 with the stock engine, when the machine has one."""
    python = interpreters.other()
    if python is None:
        say("check: no Python 3.12 here, so the tests were not run on it (PYTHON312=… names one)")
        return ()
    return (
        Step("environment, Python 3.12", (python, ".make", "other")),
        Tests(
            "fast tests, Python 3.12, stock engine",
            (str(OTHER_ENVIRONMENT / "bin" / "python"), *PYTEST, *PARALLEL, *FAST),
            remembers=CHECKOUT / ".pytest_cache" / "3.12",
        ),
    )


def _env(step: Step) -> dict[str, str]:
    return {**os.environ, **step.env}


if __name__ == "__main__":
    sys.exit(run())
