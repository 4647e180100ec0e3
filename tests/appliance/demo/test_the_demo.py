"""The demo itself, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.demo.local import tree
from tests import needs
from tests.journeys.waiting import eventually

ROOT = Path(__file__).parents[3]


def demo(folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "appliance.demo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_three_calls_are_connected_and_explained(tmp_path: Path) -> None:
    needs.sipp()
    needs.pjsua2()
    running = demo(tmp_path)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "3 of 3 calls went as expected" in said
    assert "Berta" in said, "the assistant who did not answer is explained"
    assert "VIP" in said
    assert "\x1b" not in said
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    needs.sipp()
    needs.pjsua2()
    running = demo(tmp_path)
    try:
        assert running.stdout is not None
        said = ""
        while "1. " not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        started = tree(running.pid)
        assert len(started) > 5
        running.send_signal(signal.SIGINT)
        assert running.wait(15) == 130
    finally:
        running.kill()
        running.communicate()
    eventually(lambda: gone(started))
    assert list(tmp_path.iterdir()) == []


def gone(pids: list[int]) -> bool:
    """A zombie has no command line any more."""
    return not any(commanded(pid) for pid in pids)


def commanded(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_without_sipp_the_demo_names_the_command_that_installs_it(tmp_path: Path) -> None:
    running = demo(tmp_path, {"PATH": str(tmp_path)})
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "apt-get install sip-tester" in said
