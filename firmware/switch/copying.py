"""Root's own copies of bundles: what has been checked cannot be exchanged afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from firmware.switch.ports import SwitchError

SPARE = 16 << 20
"""Bytes that stay free on the data partition."""


def copied(source: Path, target: Path) -> Path:
    """Complete or not at all. Raises SwitchError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.new")
    try:
        free = shutil.disk_usage(target.parent).free
        size = source.stat().st_size
        if free < size + SPARE:
            raise SwitchError(
                f"{size / 1e6:.0f} MB are needed on the data partition, and {free / 1e6:.0f} MB are free"
            )
        with source.open("rb") as old, beside.open("wb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fchmod(new.fileno(), 0o644)
            os.fsync(new.fileno())
        beside.replace(target)
    except OSError as exc:
        beside.unlink(missing_ok=True)
        raise SwitchError(f"{source.name} cannot be copied: {exc.strerror}") from exc
    return target
