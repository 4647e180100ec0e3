"""Facts of the host, from /proc: whatever cannot be read is left out."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")


def host(state: Path, proc: Path = PROC) -> dict[str, object]:
    """`state`: the directory whose disk is meant. Sizes in MB, `uptime_s` and `load` as the kernel counts."""
    found: dict[str, object] = {
        "hostname": platform.node(),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 0,
    }
    for read in (lambda: _disk(state), lambda: _memory(proc), lambda: _uptime(proc), _load):
        found |= _tolerant(read)
    return found


def memory_mb() -> int:
    """Of the whole machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def _tolerant(read: Callable[[], dict[str, object]]) -> dict[str, object]:
    try:
        return read()
    except (OSError, ValueError, IndexError, KeyError):
        return {}


def _disk(state: Path) -> dict[str, object]:
    usage = shutil.disk_usage(state)
    return {"disk_mb": usage.total >> 20, "disk_free_mb": usage.free >> 20}


def _memory(proc: Path) -> dict[str, object]:
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    kilobytes = {words[0]: int(words[1]) for words in lines if len(words) > 1}
    return {
        "memory_mb": kilobytes["MemTotal:"] >> 10,
        "memory_free_mb": kilobytes["MemAvailable:"] >> 10,
    }


def _uptime(proc: Path) -> dict[str, object]:
    return {"uptime_s": round(float((proc / "uptime").read_text().split()[0]))}


def _load() -> dict[str, object]:
    return {"load": [round(value, 2) for value in os.getloadavg()]}
