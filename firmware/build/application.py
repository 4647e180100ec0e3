"""The application as an update of its own: the environment of a slot, to be run from its bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from firmware.build import environment, wheels
from firmware.build.environment import FOLDER, PLACE
from firmware.build.recipe import Recipe, digest
from firmware.build.running import program, run
from firmware.build.stages import Stages

FILE = "application.squashfs"
HOW = ("-comp", "zstd", "-b", "128K", "-Xcompression-level")
"""The kernel reads it, not GRUB, and a start waits for what is unpacked."""
SMALL, FAST = "15", "3"


def tree(recipe: Recipe, stages: Stages) -> Path:
    """The same as a slot has in `/opt/callisto`, made without one and without root."""
    parts = (
        *sorted(wheels.locked(stages).glob("*.whl")),
        wheels.engine(),
        wheels.ours(recipe, stages),
    )

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        collected = folder / "wheels"
        collected.mkdir()
        for wheel in parts:
            shutil.copy2(wheel, collected / wheel.name)
        environment.installed(folder / FOLDER, collected)
        environment.compiled(folder / FOLDER, f"/{PLACE}/{FOLDER}")
        shutil.rmtree(collected)

    key = digest(
        *(Path(__file__), Path(environment.__file__)),
        *(part for wheel in parts for part in (wheel.name, wheel)),
    )
    return stages.made("environment", "our program and what it needs", key, make)


def packed(recipe: Recipe, stages: Stages, source: Path, key: str) -> Path:
    """The payload of the bundle. `source`: where the folder `venv` is; `key` names its content."""
    level = FAST if recipe.fast else SMALL

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        when = ("-mkfs-time", str(recipe.epoch), "-all-time", str(recipe.epoch))
        plain = ("-noappend", "-no-xattrs", "-no-progress", "-quiet")
        owned = ("-all-root", "-root-mode", "755", "-keep-as-directory")
        squashed = (source / FOLDER, folder / FILE)
        run([program("mksquashfs", "squashfs-tools"), *squashed, *HOW, level, *when, *plain, *owned])

    name = f"application{'-fast' if recipe.fast else ''}"
    return stages.made(name, "application", digest(Path(__file__), key, level, recipe.epoch), make) / FILE
