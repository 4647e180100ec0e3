"""Stage 4: the root file system as the read-only file system that a slot holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from firmware.build.layout import SLOT
from firmware.build.recipe import Recipe, digest
from firmware.build.running import BuildError, program, run
from firmware.build.stages import Stages, as_root

FILE = "slot.squashfs"
SMALL = ("-comp", "gzip", "-Xcompression-level", "9", "-b", "128K")
FAST = ("-comp", "gzip", "-Xcompression-level", "3")
"""GRUB 2.06 reads gzip and xz, neither zstd nor EROFS; with xz an emulated machine starts 15 s later."""


def packed(recipe: Recipe, stages: Stages, tree: Path) -> Path:
    """The file. Raises BuildError for one that no slot has room for."""
    how = FAST if recipe.fast else SMALL

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        mksquashfs = program("mksquashfs", "squashfs-tools")
        when = ("-mkfs-time", str(recipe.epoch), "-all-time", str(recipe.epoch))
        plain = ("-noappend", "-no-xattrs", "-no-progress", "-quiet")
        run([*as_root(), mksquashfs, tree, folder / FILE, *how, *when, *plain])
        size = (folder / FILE).stat().st_size
        if size > SLOT:
            raise BuildError(f"the root file system has {size >> 20} MiB packed, and a slot {SLOT >> 20} MiB")

    name = f"slot-{recipe.kernel}{'-fast' if recipe.fast else ''}"
    key = digest(Path(__file__), tree.parent.name, *how, recipe.epoch)
    return stages.made(name, "slot", key, make) / FILE
