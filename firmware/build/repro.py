"""Is the same built again? Two builds from nothing, compared byte for byte."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Callable
from pathlib import Path

from firmware.build import image, wheels
from firmware.build.keys import Keys
from firmware.build.recipe import Recipe
from firmware.build.running import BuildError
from firmware.build.stages import Stages, remove


def compare(recipe: Recipe, folder: Path, keys: Keys, say: Callable[[str], None]) -> list[str]:
    """What differs; nothing when root and disk are the same. Both leave nothing behind.
    Raises BuildError."""
    made = []
    before = wheels.sources()
    try:
        for number in ("first", "second"):
            say(f"the {number} build")
            stages = Stages(folder / number, lambda text: say(f"  {text}"))
            made.append(image.parts(recipe, stages, keys))
        if wheels.sources() != before:
            raise BuildError("this checkout was changed between the two builds", "leave it alone meanwhile")
        one, other = made
        pairs = {"root (slot)": (one.slot, other.slot), "disk": (one.disk, other.disk)}
        broken = [name for name, (a, b) in pairs.items() if not filecmp.cmp(a, b, shallow=False)]
        if broken:
            broken += [f"  {line}" for line in differing(one.tree, other.tree)]
        return broken
    finally:
        for number in ("first", "second"):
            remove(folder / number)
        shutil.rmtree(folder, ignore_errors=True)


def differing(one: Path, other: Path) -> list[str]:
    """Files of two trees that are not the same, by name."""
    names = sorted({path.relative_to(tree) for tree in (one, other) for path in tree.rglob("*")})
    return [str(name) for name in names if not _same(one / name, other / name)]


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    if one.exists() != other.exists() or one.is_dir() != other.is_dir():
        return False
    a, b = one.stat(), other.stat()
    if (a.st_mode, a.st_uid, a.st_gid) != (b.st_mode, b.st_uid, b.st_gid):
        return False
    return not one.is_file() or filecmp.cmp(one, other, shallow=False)
