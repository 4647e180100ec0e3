"""What is to be built. The same recipe, on the same packages, gives the same root and the same disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from firmware.update import sheet

Kernel = Literal["cloud", "generic"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)

PRODUCT = "callisto"
COMPATIBLE = sheet.COMPATIBLE["system"]
"""What an update names, and a machine compares."""

CHECKOUT = Path(__file__).resolve().parent.parent.parent
FIRMWARE = CHECKOUT / "firmware"
IMAGE = FIRMWARE / "image"
"""The builder's configuration."""

PYTHON = "3.11"
"""Debian 12's."""
BASE = f"debian12-python{PYTHON}"
"""What an application needs of the system below it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`fast`: a larger slot that is packed in seconds, for trying. `epoch`: the time that every file has,
    Unix seconds. `notes`: of an update, one line for people."""

    version: str
    kernel: Kernel
    fast: bool
    epoch: int
    notes: str = ""

    @property
    def name(self) -> str:
        """What its files begin with."""
        return f"{PRODUCT}-{self.version}-{self.kernel}{'-fast' if self.fast else ''}"

    @property
    def application(self) -> str:
        """The name of its application update."""
        return f"{PRODUCT}-{self.version}.app.raucb"


def digest(*inputs: object) -> str:
    """What names a result in the cache. A Path counts by what is in it, a folder by names,
    contents, and which of them are executable; anything else by its text."""
    whole = hashlib.sha256()
    for one in inputs:
        for part in _content(one) if isinstance(one, Path) else (str(one).encode(),):
            whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]


def _content(path: Path) -> list[bytes]:
    if not path.is_dir():
        return [path.read_bytes()]
    files = sorted(one for one in path.rglob("*") if one.is_file() or one.is_symlink())
    return [part for one in files if "__pycache__" not in one.parts for part in _file(path, one)]


def _file(folder: Path, path: Path) -> tuple[bytes, bytes, bytes]:
    name = str(path.relative_to(folder)).encode()
    if path.is_symlink():
        return name, b"link", str(path.readlink()).encode()
    return name, b"x" if os.access(path, os.X_OK) else b"-", path.read_bytes()
