"""The contracts in setup.cfg: each must fail when it is broken, or it says nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
ROOMS = ("appliance", "shell", "router", "scheduler", "db", "firmware")


STRAYS = {
    "router.stray": ("scheduler.days", "Arrows go down"),
    "db.stray": ("firmware", "Arrows go down"),
    "shell.stray": ("appliance.lifecycle", "Arrows go down"),
    "router.foreign": ("pjsua2", "pjsua2 stays"),
    "appliance.foreign": ("pjsua2", "pjsua2 stays"),
    "shell.terminal": ("prompt_toolkit", "telnetlib3 and prompt_toolkit stay"),
    "appliance.terminal": ("telnetlib3", "telnetlib3 and prompt_toolkit stay"),
    "shell.stored": ("sqlalchemy", "SQLAlchemy and what comes with it stay"),
    "scheduler.stray": ("apscheduler", "APScheduler stays"),
    "appliance.stray": ("uvicorn", "Starlette and uvicorn stay"),
    "db.variables.stray": ("time", "Decisions know no I/O"),
    "router.pjsua.build.stray": ("setuptools", "The recipe of the SIP engine"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(CHECKOUT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.cfg", folder)
    return folder


@pytest.fixture(scope="module")
def with_strays(house: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of the house with every stray module in it."""
    spoilt = tmp_path_factory.mktemp("spoilt") / "house"
    shutil.copytree(house, spoilt)
    for module, (imported, _) in STRAYS.items():
        (spoilt / f"{module.replace('.', '/')}.py").write_text(f"import {imported}\n")
    return checked(spoilt)


def checked(folder: Path) -> str:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout


@pytest.mark.parametrize("module", STRAYS)
def test_a_broken_rule_is_named_with_who_broke_it(with_strays: str, module: str) -> None:
    imported, contract = STRAYS[module]
    verdicts = [line for line in with_strays.splitlines() if line.startswith(contract)]
    assert any(line.endswith("BROKEN") for line in verdicts), with_strays
    assert f"{module} -> {imported}" in with_strays


def test_the_house_as_it_is_breaks_none(house: Path) -> None:
    assert ", 0 broken." in checked(house)
