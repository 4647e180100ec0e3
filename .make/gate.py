"""`make check`: every rule that a machine can hold us to, cheap ones first, the tests last."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import interpreters
from checkout import CHECKOUT, ENVIRONMENT, OTHER_ENVIRONMENT
from say import say

if TYPE_CHECKING:
    from collections.abc import Mapping

BIN = ENVIRONMENT / "bin"
PYTEST = ("-P", "-m", "pytest", "-n", "auto")
SLOW = ("journeys", "interop", "hostile", "nightly", "bench", "build")
FAST = (*(f"--ignore=tests/{part}" for part in SLOW), "-q")


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: what it is called, and the command that fails when it is broken."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


RULES = (
    Step("lint", (str(BIN / "ruff"), "check", "--quiet")),
    Step("format", (str(BIN / "ruff"), "format", "--check", "--quiet")),
    Step("types", (str(BIN / "mypy"),)),
    Step("types of the set-up", (str(BIN / "mypy"), "--strict", ".make"), {"MYPYPATH": ".make"}),
    Step("layers", (str(BIN / "lint-imports"), "--no-logo")),
    Step("packaging", (str(BIN / "python"), ".make/distribution.py")),
)
TESTS = Step("tests", (str(BIN / "python"), *PYTEST, "--cov", "--cov-report=term:skip-covered"))


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
    done = subprocess.run(step.argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, env=_env(step), check=False)
    verdict = "holds" if done.returncode == 0 else f"BROKEN (exit status {done.returncode})"
    if step is not TESTS or done.returncode:
        say(f"check: {step.name} {verdict}, {time.monotonic() - began:.1f} s")
    return done.returncode == 0


def _other_python() -> tuple[Step, ...]:
    """The fast tests on Python 3.12 with the stock engine, when the machine has one."""
    python = interpreters.other()
    if python is None:
        say("check: no Python 3.12 here, so the tests were not run on it (PYTHON312=… names one)")
        return ()
    return (
        Step("environment, Python 3.12", (python, ".make", "other")),
        Step(
            "fast tests, Python 3.12, stock engine",
            (str(OTHER_ENVIRONMENT / "bin" / "python"), *PYTEST, *FAST),
        ),
    )


def _env(step: Step) -> dict[str, str]:
    return {**os.environ, **step.env}


if __name__ == "__main__":
    sys.exit(run())
