"""What runs on this machine, as far as an update has to know it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

from firmware.release import ReleaseUnknownError, running
from firmware.update.judging import Running

BASE = "CALLISTO_BASE"
"""In os-release: what of this system applications are made for."""
UPDATES = Path("data/system/update")
CURRENT = "application.json"

_SLOT = re.compile(r"(?:^|\s)rauc\.slot=([AB])(?:\s|$)")


def here(schema: str, root: Path = Path("/"), version: str | None = None) -> Running:
    """`schema`: of the store. `root`: where the machine's files are. `version`: of what runs, unless it is
    the program that asks."""
    slot = booted(root)
    return Running(
        version=version or _own_version(),
        schema=schema,
        base=base(root),
        slot=slot,
        application=application(root) if slot else "",
        kernel=kernel(root) if slot else "",
    )


def booted(root: Path = Path("/")) -> Literal["", "A", "B"]:
    """The slot, as the boot menu told the kernel; "" for a machine that was not made from an image."""
    found = _SLOT.search(_text(root / "proc/cmdline"))
    match found[1] if found else "":
        case "A":
            return "A"
        case "B":
            return "B"
        case _:
            return ""


def base(root: Path = Path("/")) -> str:
    return _of_release(root, BASE)


def kernel(root: Path = Path("/")) -> str:
    """Which of those that images are built with."""
    return _of_release(root, "VARIANT_ID")


def system_version(root: Path = Path("/")) -> str:
    """Of the image that the slot was made with; "" for a machine that was not made from one."""
    return _of_release(root, "IMAGE_VERSION")


def application(root: Path = Path("/")) -> str:
    """The file of the application bundle that runs; "" for what the system has built in."""
    try:
        found = json.loads(_text(root / UPDATES / CURRENT) or "null")
    except (ValueError, RecursionError):
        return ""
    current = found.get("current") if isinstance(found, dict) else None
    if not isinstance(current, dict) or current.get("system", "") not in ("", system_version(root)):
        return ""  # a newer system has brought its own
    name = current.get("file")
    return name if isinstance(name, str) else ""


def _of_release(root: Path, name: str) -> str:
    for line in _text(root / "usr/lib/os-release").splitlines():
        found, _, value = line.partition("=")
        if found == name:
            return value.strip('"')
    return ""


def _own_version() -> str:
    try:
        return running().version
    except ReleaseUnknownError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
