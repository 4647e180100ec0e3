"""What a test needs of the machine: given, or the test is skipped with the reason (in CI: failed)."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def program(name: str, package: str | None = None) -> str:
    """Path of an executable."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return path or missing(f"{name} is not installed: apt-get install {package or name}")


def sipp() -> str:
    return program("sipp", "sip-tester")


def postgresql() -> Path:
    """The folder with initdb and pg_ctl of Debian's newest server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else missing("no PostgreSQL server: apt-get install postgresql")


def pjsua2() -> None:
    if importlib.util.find_spec("pjsua2") is None:
        missing("no pjsua2: make engine, or pip install pjsua2-python")


def missing(reason: str) -> NoReturn:
    """Skip with the reason; fail where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing may be missing: {reason}")
    pytest.skip(reason)
