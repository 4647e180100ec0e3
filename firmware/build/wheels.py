"""Stage 2: our program and the Python packages that it is locked to, as wheels for Debian's Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.build.recipe import CHECKOUT, PYTHON, Recipe, digest
from firmware.build.running import BuildError, run
from firmware.build.stages import Stages

LOCK = CHECKOUT / "requirements" / "runtime.txt"
SETTINGS = "setup.cfg"
PACKAGES = ("appliance", "shell", "router", "scheduler", "db", "firmware")
_NUMBER = PYTHON.replace(".", "")
FOR_DEBIAN = (
    *("--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"),
    *(word for abi in (f"cp{_NUMBER}", "abi3", "none") for word in ("--abi", abi)),
    *(
        word
        for libc in ("_2_36", "_2_34", "_2_28", "_2_27", "_2_17", "2014")
        for word in ("--platform", f"manylinux{libc}_x86_64")
    ),
)
"""What pip may take: nothing that Debian 12 cannot run, nothing that would have to be compiled."""


def locked(stages: Stages) -> Path:
    """The folder of the locked packages, each checked by its hash."""

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        argv = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(folder)]
        run([sys.executable, *argv, "--no-cache-dir", *FOR_DEBIAN, "-r", LOCK])

    return stages.made("wheels", "Python packages", digest(Path(__file__), LOCK), make)


def ours(recipe: Recipe, stages: Stages) -> Path:
    """The wheel of this checkout: of what git knows, or would take."""
    files = _tracked()

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        source = folder / "source"
        for name in files:
            place = source / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, place)
        (source / SETTINGS).write_text(of_release((CHECKOUT / SETTINGS).read_text(), recipe.version))
        argv = ["-P", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
        run([sys.executable, *argv], env={"SOURCE_DATE_EPOCH": str(recipe.epoch)})
        shutil.rmtree(source)

    key = digest(Path(__file__), recipe.epoch, recipe.version, sources())
    return next(stages.made("program", "our program", key, make).glob("*.whl"))


def of_release(settings: str, version: str) -> str:
    """setup.cfg as that release has it. Raises BuildError."""
    changed, count = re.subn(r"(?m)^version = .*$", f"version = {version}", settings)
    if count != 1:
        raise BuildError(f"{SETTINGS} has {count} lines with a version, not one")
    return changed


def sources() -> str:
    """What names the state of this checkout, as far as it gets into the wheel."""
    return digest(*(part for name in _tracked() for part in (name, CHECKOUT / name)))


def engine() -> Path:
    """The wheel of the large PJSUA2 that `make engine` has built for this Python. Raises BuildError.

    Never the one on PyPI: it carries an OpenSSL past its end of life.
    """
    if sys.version_info[:2] != tuple(int(part) for part in PYTHON.split(".")):
        raise BuildError(
            f"the image has Python {PYTHON}, and this is {sys.version_info[0]}.{sys.version_info[1]}",
            f"make image PYTHON=python{PYTHON}",
        )
    found = _asked("--cached")
    if not found:
        raise BuildError("the SIP engine has not been built on this machine", "make engine")
    return Path(found)


def engine_packages() -> tuple[str, ...]:
    """Debian packages that the engine links to."""
    return tuple(_asked("--run-time").split())


def _asked(question: str) -> str:
    """What the recipe of the engine answers; nothing when it has none."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "router.pjsua.build", question],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _tracked() -> list[str]:
    listed = run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], folder=CHECKOUT
    ).split("\0")
    wanted = {*PACKAGES, SETTINGS, "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE"}
    return sorted(name for name in listed if name.split("/", 1)[0] in wanted and (CHECKOUT / name).is_file())
