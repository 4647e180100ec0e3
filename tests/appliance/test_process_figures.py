"""What a process takes, by /proc: of a made one, and of our own."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.processes import Processes

TICK = os.sysconf("SC_CLK_TCK")


def write(proc: Path, *, cpu_s: float, began_s: float = 100) -> None:
    fields = ["S", *["0"] * 48]
    fields[11], fields[12] = str(int(cpu_s * TICK)), "0"
    fields[17], fields[19], fields[21] = "3", str(int(began_s * TICK)), str((5 << 20) // 4096)
    (proc / "7").mkdir(exist_ok=True)
    (proc / "7/stat").write_text(f"7 (a (b) c) {' '.join(fields)}\n")


def test_the_share_is_of_the_whole_life_first_and_then_since_the_last_look(tmp_path: Path) -> None:
    now = 110.0
    processes = Processes(tmp_path, lambda: now)
    write(tmp_path, cpu_s=5)
    first = processes.look(7)
    assert first is not None
    assert (first.rss_mb, first.cpu_s, first.cpu_percent, first.threads) == (5, 5.0, 50.0, 3)
    now = 112.0
    write(tmp_path, cpu_s=7)
    soon = processes.look(7)
    assert soon is not None
    assert soon.cpu_percent == 50.0
    now = 120.0
    later = processes.look(7)
    assert later is not None
    assert later.cpu_percent == 20.0


def test_one_that_is_gone_is_not_told_of(tmp_path: Path) -> None:
    assert Processes(tmp_path).look(7) is None
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text("nonsense")
    assert Processes(tmp_path).look(7) is None


def test_a_new_process_of_an_old_number_has_no_negative_share(tmp_path: Path) -> None:
    now = 110.0
    processes = Processes(tmp_path, lambda: now)
    write(tmp_path, cpu_s=5)
    processes.look(7)
    now = 120.0
    write(tmp_path, cpu_s=0, began_s=119)
    found = processes.look(7)
    assert found is not None
    assert found.cpu_percent == 0.0


def test_our_own_process_is_there() -> None:
    found = Processes().look(os.getpid())
    assert found is not None
    assert found.rss_mb > 5
    assert found.threads >= 1
