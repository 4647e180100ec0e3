"""The machine: memory, processors, disk."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.checks.verdicts.finding import Finding, ok

MEMORY_WARN, MEMORY_FAIL = 0.10, 0.03
DISK_WARN, DISK_FAIL = 0.15, 0.05
DISK_LEAST_MB = 200
"""Less free than this fails on the largest disk too: a store, a bundle and a capture must find room."""
INODES_WARN, INODES_FAIL = 0.10, 0.02
LOAD_WARN = 2.0
"""Processes that want to run, for each processor."""


def memory(total_mb: int, free_mb: int) -> Finding:
    found = f"{free_mb} MB of {total_mb} MB free"
    return _share_left(
        free_mb / total_mb if total_mb else 0.0,
        MEMORY_WARN,
        MEMORY_FAIL,
        found,
        "show info names the processes and what they take; stop what is not the appliance's, or add memory",
    )


def processors(count: int, load: Sequence[float]) -> Finding:
    """`load`: averages over 1, 5 and 15 minutes."""
    middle = load[1] if len(load) > 1 else 0.0
    found = f"{count}, load {middle:.2f} over five minutes"
    if count and middle / count > LOAD_WARN:
        return Finding("warn", found, "something keeps the processors busy: look at the processes with top")
    return ok(found)


def disk(total_mb: int, free_mb: int) -> Finding:
    found = f"{free_mb} MB of {total_mb} MB free"
    remedy = "make room: show traces and the page Files list captures and support bundles to delete"
    if free_mb < DISK_LEAST_MB:
        return Finding("fail", found, remedy)
    return _share_left(free_mb / total_mb if total_mb else 0.0, DISK_WARN, DISK_FAIL, found, remedy)


def inodes(total: int, free: int) -> Finding:
    """`total` 0: the file system makes them as they are needed (btrfs)."""
    if not total:
        return ok("this file system makes them as they are needed")
    return _share_left(
        free / total,
        INODES_WARN,
        INODES_FAIL,
        f"{free} of {total} free",
        "files, not bytes, have filled the disk: find and delete the folder with very many small ones",
    )


def writable(problem: str) -> Finding:
    """`problem`: why a file could not be written into the state folder, read back and removed."""
    if not problem:
        return ok("a file was written, read back and removed")
    return Finding(
        "fail", problem, "the folder must belong to the user who runs the appliance, and have room"
    )


def _share_left(left: float, warn: float, fail: float, found: str, remedy: str) -> Finding:
    """Of `left`, a share of the whole: below `fail` and `warn`, what its name says."""
    if left < fail:
        return Finding("fail", found, remedy)
    if left < warn:
        return Finding("warn", found, remedy)
    return ok(found)
