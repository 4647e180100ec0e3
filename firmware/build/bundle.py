"""The update: the slot in a signed RAUC bundle, whose every block is checked as it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

from firmware.build.keys import Keys
from firmware.build.recipe import COMPATIBLE, Recipe
from firmware.build.running import program, run

IMAGE = "rootfs.img"


def manifest(recipe: Recipe, schema: str) -> str:
    """RAUC's manifest. The last section is ours: RAUC passes it over, and its signature covers it."""
    return (
        f"[update]\ncompatible={COMPATIBLE}\nversion={recipe.version}\nbuild={recipe.epoch}\n\n"
        "[bundle]\nformat=verity\n\n"
        f"[image.rootfs]\nfilename={IMAGE}\n\n"
        f"[meta.callisto]\nkind=system\nkernel={recipe.kernel}\nschema={schema}\nrestart=reboot\n"
    )


def made(recipe: Recipe, slot: Path, schema: str, keys: Keys, output: Path) -> None:
    """Signed anew each time: two bundles of the same content differ."""
    content = output.with_suffix(".content")
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir()
    try:
        (content / "manifest.raucm").write_text(manifest(recipe, schema))
        (content / IMAGE).hardlink_to(slot)
        output.unlink(missing_ok=True)
        signer = (f"--cert={keys.certificate}", f"--key={keys.key}")
        run([program("rauc", "rauc"), *signer, "bundle", content, output])
    finally:
        shutil.rmtree(content)
