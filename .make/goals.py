"""What each goal of the Makefile needs to be in place before it starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import debian
import engine
import gate
import lockfiles
from checkout import OTHER_ENVIRONMENT
from environment import Environment
from say import say, stop


@dataclass(frozen=True, slots=True)
class Goal:
    """Lock files for the environment, Debian packages beside it."""

    locks: tuple[str, ...]
    needs: tuple[debian.Need, ...] = ()
    build_engine: bool = False
    """Whether root brings in the compiler for the large SIP engine."""


GOALS = {
    "run": Goal(("runtime",)),
    "demo": Goal(("runtime",), (debian.SIPP,)),
    "test": Goal(("runtime", "development"), debian.FOR_TESTS, build_engine=True),
    "bench": Goal(("runtime", "development"), debian.FOR_BENCH, build_engine=True),
    "image": Goal(("runtime", "development"), debian.FOR_IMAGE, build_engine=True),
    "test-image": Goal(("runtime", "development"), debian.FOR_TEST_IMAGE, build_engine=True),
    "soak": Goal(("runtime", "development"), (debian.SIPP,), build_engine=True),
}


def main(arguments: list[str]) -> int:
    """Prepare the goal named; `engine`, `check` and `lock` are done here whole."""
    match arguments:
        case ["engine"]:
            engine.build()
        case ["check"]:
            prepare(GOALS["test"])
            return gate.run()
        case ["other"]:
            Environment(OTHER_ENVIRONMENT).ensure(GOALS["test"].locks, stock_engine=True)
        case ["lock"]:
            Environment().ensure(GOALS["test"].locks)
            lockfiles.make()
        case [name] if name in GOALS:
            prepare(GOALS[name])
        case _:
            stop(f"a goal is one of {', '.join(sorted([*GOALS, 'engine', 'check', 'lock']))}; see make help")
    return 0


def prepare(goal: Goal) -> None:
    """Debian's packages first, in one go, because what they bring decides what the environment can hold."""
    needed = [package for package in (debian.venv_package(),) if package]
    missing = debian.unmet(goal.needs)
    packages = [*needed, *(need.package for need in missing)]
    if debian.may_install():
        wanted = [*packages, *(engine.lacking() if goal.build_engine else ())]
        if wanted:
            debian.install(wanted, "parts of this machine are missing")
        missing = debian.unmet(goal.needs)
    for need in missing:
        say(f"without {need.package} there are none of {need.without}")
    if debian.venv_package():
        stop(f"this Python cannot make environments; get what is missing: {debian.command(packages)}")
    if missing:
        say(f"to get what is missing: {debian.command([need.package for need in missing])}")
    Environment().ensure(goal.locks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
