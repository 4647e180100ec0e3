"""Rules for every test: in CI a skip is a failure, and no process outlives the tests that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

IN_CI = os.environ.get("CI") == "true"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

MARK = "CALLISTO_TEST_RUN"
"""Environment variable that processes started by tests inherit; one value for each worker."""

WORKPLACE = (
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONHASHSEED",
)
"""What a developer's shell may set and an administrator's does not: it hides how our processes behave."""

GRACE_S = 3.0
"""For what was told to end and is about to."""


# A machine that does something else for a moment says nothing about an example.
settings.register_profile("callisto", deadline=None)
settings.load_profile("callisto")


def pytest_configure() -> None:
    os.environ[MARK] = uuid.uuid4().hex
    for name in WORKPLACE:
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _not_skipped((yield))


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Torn down last: what is still running then was forgotten. It is ended, and named."""
    yield
    deadline = time.monotonic() + GRACE_S
    while (left := {pid: _command(pid) for pid in _started_here()}) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"processes outlived the tests that started them: {left}"


def _not_skipped(report: Report) -> Report:
    """In CI the same report as a failure, when it is a skip; an expected failure (xfail) is none."""
    if IN_CI and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"in CI nothing may be skipped: {report.longrepr}"
    return report


def _started_here() -> Iterator[int]:
    """Processes with this worker's mark, ourselves apart; one that has ended has no environment any more."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue  # it has just ended, or it is somebody else's


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(just ended)"
