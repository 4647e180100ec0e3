"""CPU time of a process and of everything below it, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.demo.local import tree

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds of one process, its children not counted."""
    return sum(_ticks(pid)[:2]) * TICK_S


def tree_cpu_s(pid: int) -> float:
    """User and system seconds of the tree, with those of children that have ended and were waited for."""
    return sum(sum(_ticks(one)) for one in tree(pid)) * TICK_S


def _ticks(pid: int) -> tuple[int, ...]:
    """utime, stime, cutime, cstime (proc(5): fields 14 to 17)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return (0, 0, 0, 0)
    return tuple(int(value) for value in fields[11:15])


def pss_mb(pid: int) -> float:
    """Memory of one process in MB (Pss_Anon of smaps_rollup, proc(5)). Without the pages of files: its share
    of those depends on what else runs on the machine."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) / 1024
    return 0.0
