"""The whole build, stage by stage, and its results side by side."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from firmware import mapping, signature
from firmware.build import (
    application,
    base,
    bundle,
    contents,
    disk,
    environment,
    layout,
    root,
    sbom,
    slot,
    wheels,
)
from firmware.build.contents import Package
from firmware.build.keys import Keys
from firmware.build.recipe import COMPATIBLE, Recipe
from firmware.build.running import program, run
from firmware.build.stages import Stages
from firmware.manifest import SIGNATURE_SUFFIX, SUFFIX, Manifest, Slot, to_json

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stages made: the tree of the root file system, the slot, the application in it, the disk."""

    tree: Path
    slot: Path
    application: Path
    disk: Path


def tree(recipe: Recipe, stages: Stages, keys: Keys) -> Path:
    """The root file system. Raises BuildError."""
    engine = wheels.engine()
    archive = base.made(recipe, stages, wheels.engine_packages())
    locked = sorted(wheels.locked(stages).glob("*.whl"))
    program_of_ours = wheels.ours(recipe, stages)
    return root.made(recipe, stages, archive, (*locked, engine, program_of_ours), keys.keyring)


def parts(recipe: Recipe, stages: Stages, keys: Keys) -> Parts:
    """Raises BuildError."""
    whole = tree(recipe, stages, keys)
    packed = slot.packed(recipe, stages, whole)
    alone = application.packed(recipe, stages, whole / environment.PLACE, whole.parent.name)
    return Parts(whole, packed, alone, disk.assembled(recipe, stages, packed))


def results(recipe: Recipe, made: Parts, keys: Keys, folder: Path, say: Say) -> Path:
    """Fill `folder` with the image and all that goes with it; the path of the image."""
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / f"{recipe.name}.img"
    say("copies, manifest, update, bill of materials ...")
    _copy_sparse(made.disk, image)
    packed = image.with_name(f"{image.name}.zst")
    run([program("zstd", "zstd"), "-q", "-f", "-3", "-T2", image, "-o", packed])
    packages = contents.of_tree(made.tree)
    slot_sha256 = _sha256(made.slot)
    manifest = to_json(
        Manifest(
            version=recipe.version,
            compatible=COMPATIBLE,
            made_at=datetime.fromtimestamp(recipe.epoch, UTC).isoformat(),
            image=image.name,
            size=layout.SIZE,
            slot=Slot(made.slot.stat().st_size, slot_sha256),
            ranges=mapping.ranges(image),
            kernel=_version(packages, r"linux-image-\d.*"),
            engine=_version(packages, "pjsua2-python"),
        )
    )
    described = image.with_name(image.name + SUFFIX)
    described.write_bytes(manifest)
    signed = signature.sign(manifest, keys.certificate, keys.key)
    described.with_name(described.name + SIGNATURE_SUFFIX).write_bytes(signed)
    shutil.copyfile(keys.keyring, folder / "keyring.pem")
    bundle.system(recipe, made.slot, keys, folder / f"{recipe.name}.raucb")
    bundle.application(recipe, made.application, keys, folder / recipe.application)
    (folder / f"{recipe.name}.spdx.json").write_bytes(sbom.document(recipe, packages, slot_sha256))
    return image


def _copy_sparse(source: Path, target: Path) -> None:
    """Over what may be there, which somebody may have started a machine from."""
    target.unlink(missing_ok=True)
    run(["cp", "--sparse=always", source, target])


def _version(packages: tuple[Package, ...], pattern: str) -> str:
    return next((f"{one.name} {one.version}" for one in packages if re.fullmatch(pattern, one.name)), "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
