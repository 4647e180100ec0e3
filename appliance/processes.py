"""What a process takes: memory and processor time, from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
FRESH_FOR = 5.0
"""Seconds: a share of the processor over a shorter time says little."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`rss_mb`: memory in use, shared pages too. `cpu_s`: processor time in all; `cpu_percent`: of one
    processor, over the last seconds, at first over its whole life."""

    rss_mb: int
    cpu_s: float
    cpu_percent: float
    threads: int


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    cpu_s: float
    percent: float


class Processes:
    """Looks at processes by pid; `now`: seconds since the machine started."""

    def __init__(self, proc: Path = PROC, now: Callable[[], float] | None = None) -> None:
        self._proc = proc
        self._now = now or (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        self._samples: dict[int, _Sample] = {}
        self._tick = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def look(self, pid: int) -> Figures | None:
        """None when it is gone."""
        try:
            text = (self._proc / str(pid) / "stat").read_text()
            # The name in brackets may hold anything (proc(5)); state is the first field after it.
            fields = text.rpartition(")")[2].split()
            cpu_s = (int(fields[11]) + int(fields[12])) / self._tick
            began_s = int(fields[19]) / self._tick
            threads, rss = int(fields[17]), int(fields[21]) * self._page >> 20
        except (OSError, ValueError, IndexError):
            self._samples.pop(pid, None)
            return None
        return Figures(rss, round(cpu_s, 1), self._percent(pid, cpu_s, began_s), threads)

    def forget_all_but(self, pids: set[int]) -> None:
        for pid in self._samples.keys() - pids:
            del self._samples[pid]

    def _percent(self, pid: int, cpu_s: float, began_s: float) -> float:
        now, last = self._now(), self._samples.get(pid)
        if last is None:
            percent = 100 * cpu_s / max(now - began_s, 0.1)
        elif now - last.at < FRESH_FOR:
            return last.percent
        else:
            percent = 100 * (cpu_s - last.cpu_s) / (now - last.at)
        percent = round(max(0.0, percent), 1)
        self._samples[pid] = _Sample(now, cpu_s, percent)
        return percent
