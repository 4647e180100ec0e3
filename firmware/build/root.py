"""Stage 3: the root file system as a tree: Debian's packages, our files, our program."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.build import apt, base, environment, inside
from firmware.build.recipe import CHECKOUT, IMAGE, Recipe, digest
from firmware.build.running import run
from firmware.build.stages import Stages, as_root

TREE = "tree"


def made(recipe: Recipe, stages: Stages, archive: Path, wheels: tuple[Path, ...], keyring: Path) -> Path:
    """The tree. `wheels`: files. `keyring`: PEM, whose updates it takes."""
    overlay = IMAGE / "overlay"
    facts = {
        "version": recipe.version,
        "kernel": recipe.kernel,
        "epoch": recipe.epoch,
        "hosts": sorted(apt.hosts(base.machine_sources())),
    }

    def make(folder: Path, tell: Callable[[str], None]) -> None:
        collected = folder / "wheels"
        collected.mkdir()
        for wheel in wheels:
            shutil.copy2(wheel, collected / wheel.name)
        job = {
            "tree": str(folder / TREE),
            "archive": str(archive),
            "overlay": str(overlay),
            "wheels": str(collected),
            "keyring": str(keyring),
            **facts,
        }

        def said(line: str) -> None:
            if line.startswith(inside.SAID):
                tell(line.removeprefix(inside.SAID))

        file = folder / "job.json"
        file.write_text(json.dumps(job))
        argv: list[str | Path] = [sys.executable, "-P", "-m", inside.__name__, file]
        # The checkout alone: the job runs as root, and takes nothing from the folder that somebody stands in.
        run([*as_root(), "env", f"PYTHONPATH={CHECKOUT}", *argv], folder=folder, tell=said)
        file.unlink()
        shutil.rmtree(collected)

    key = digest(
        *(
            Path(__file__),
            Path(inside.__file__),
            Path(environment.__file__),
            overlay,
            keyring,
            archive.parent.name,
            json.dumps(facts),
        ),
        *(part for wheel in wheels for part in (wheel.name, wheel)),
    )
    return stages.made(f"root-{recipe.kernel}", "root file system", key, make) / TREE
