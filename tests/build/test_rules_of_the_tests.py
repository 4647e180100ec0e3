"""tests/conftest.py, tried on a small project of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RULES = Path(__file__).parent.parent / "conftest.py"
PROJECT = """
import subprocess, sys
import pytest

def test_that_is_skipped():
    pytest.skip("there is no such thing here")

@pytest.mark.skipif(True, reason="by a mark")
def test_that_is_skipped_by_a_mark():
    pass

@pytest.mark.xfail
def test_that_is_known_to_fail():
    assert False

def test_that_passes():
    pass
"""
FORGETFUL = """
import subprocess, sys

def test_that_forgets_a_process():
    program = "import time; print('up', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    print("forgotten", process.pid, process.stdout.readline())
"""


def outcome(folder: Path, test: str, *, ci: bool) -> str:
    shutil.copy(RULES, folder / "conftest.py")
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    # -rA shows what passing tests print.
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-rA", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "CI": str(ci).lower()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def test_a_skip_is_a_failure_in_ci(tmp_path: Path) -> None:
    told = outcome(tmp_path, PROJECT, ci=True)
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in told
    assert "in CI nothing may be skipped" in told


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    assert "1 passed, 2 skipped, 1 xfailed" in outcome(tmp_path, PROJECT, ci=False)


def test_a_whole_module_may_not_be_skipped_in_ci_either(tmp_path: Path) -> None:
    told = outcome(tmp_path, "import pytest\npytest.importorskip('no_such_module')\n", ci=True)
    assert "1 error" in told
    assert "passed" not in told


def test_a_forgotten_process_is_named_and_ended(tmp_path: Path) -> None:
    told = outcome(tmp_path, FORGETFUL, ci=False)
    assert "processes outlived the tests that started them" in told
    forgotten = int(re.search(r"forgotten (\d+)", told)[1])  # type: ignore[index]
    assert not runs(forgotten)


def runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("needed", ["sipp", "postgresql"])
def test_what_a_test_needs_is_never_missing_quietly(needed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import needs

    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: None)
    monkeypatch.setattr(Path, "glob", lambda *_args: iter(()))
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        getattr(needs, needed)()
