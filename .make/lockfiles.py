"""`make lock`: the exact versions, with hashes, for Python 3.11 and 3.12 alike."""

from __future__ import annotations

import subprocess

from checkout import CHECKOUT, ENVIRONMENT
from say import say, stop

OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    # Where a person's pip looks is that person's; the hashes say what is right.
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
    "--custom-compile-command=make lock",
)

LOCKS: dict[str, tuple[str, ...]] = {
    # The engine is put in apart: the large wheel or, with its own lock, the stock one.
    "runtime": ("setup.cfg", "--no-emit-package=pjsua2-python"),
    "development": ("requirements/development.in", "--constraint=requirements/runtime.txt"),
    "engine": ("requirements/engine.in",),
    "bench": ("requirements/bench.in",),
}


def make() -> None:
    """Write every lock file anew, newest versions within the ranges of setup.cfg and the .in files."""
    uv = ENVIRONMENT / "bin" / "uv"
    for name, arguments in LOCKS.items():
        target = f"requirements/{name}.txt"
        say(f"locking {target}")
        done = subprocess.run(
            [str(uv), "pip", "compile", "--upgrade", *OPTIONS, *arguments, "-o", target],
            cwd=CHECKOUT,
            check=False,
        )
        if done.returncode:
            stop(f"{target} could not be locked: see above; the old one is unchanged", 1)
