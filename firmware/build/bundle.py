"""Updates: signed bundles whose every block is checked as it is read.

RAUC installs them and does not make them: `rauc bundle` 1.8 leaves `[meta.*]` out of the manifest that it
signs. Payload and tree are the same whenever the same is built; the signature has its time in it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path

from firmware import signature
from firmware.build.keys import Keys
from firmware.build.recipe import BASE, CHECKOUT, Recipe
from firmware.build.running import BuildError, program, run
from firmware.update import bundle, keyfile, sheet, verity
from firmware.update.errors import BundleError
from firmware.update.sheet import COMPATIBLE, RESTARTS, SECTION, Kind, Sheet

IMAGE = "rootfs.img"
OUTAGE: Mapping[Kind, float] = {"system": 60.0, "application": 2.0}
"""Seconds: what a machine takes to boot, and the services to start. An estimate, for people."""
PLAIN = ("-noI", "-noD", "-noF", "-noX")
"""What is in a slot is packed already."""


@dataclass(frozen=True, slots=True)
class Store:
    """The migrations of a checkout: the newest, and the oldest from which there is a way to it."""

    schema: str
    oldest_schema: str


def store(checkout: Path = CHECKOUT) -> Store:
    """Raises BuildError."""
    found = sorted(
        number[1]
        for one in (checkout / "db/migrations/versions").glob("v*.py")
        if (number := re.match(r"v(\d{4})_", one.name))
    )
    if not found:
        raise BuildError("there are no migrations of the store in this checkout")
    return Store(found[-1], found[0])


def described(recipe: Recipe, kind: Kind, of: Store) -> Sheet:
    """What the bundle says of itself."""
    return Sheet(
        kind=kind,
        version=recipe.version,
        built_at=datetime.fromtimestamp(recipe.epoch, UTC),
        compatible=COMPATIBLE[kind],
        base=BASE,
        schema=of.schema,
        oldest_schema=of.oldest_schema,
        kernel=recipe.kernel if kind == "system" else "",
        restart=RESTARTS[kind],
        outage_s=OUTAGE[kind],
        notes=recipe.notes,
        signer="",
    )


def system(recipe: Recipe, slot: Path, keys: Keys, output: Path, of: Store | None = None) -> Path:
    """The slot as an update. `of`: the migrations in it, those of this checkout unless given. Raises
    BuildError."""
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=output.parent) as name:
        content = Path(name) / "content"
        content.mkdir()
        _put(slot, content / IMAGE)
        payload = Path(name) / "payload"
        when = ("-mkfs-time", str(recipe.epoch), "-all-time", str(recipe.epoch), "-all-root")
        plain = ("-noappend", "-no-xattrs", "-no-progress", "-quiet")
        run([program("mksquashfs", "squashfs-tools"), content, payload, *PLAIN, *when, *plain])
        with slot.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        image = {"sha256": sha256, "size": str(slot.stat().st_size), "filename": IMAGE}
        what = described(recipe, "system", of or store())
        return made(what, payload, {"image.rootfs": image}, keys, output)


def application(recipe: Recipe, payload: Path, keys: Keys, output: Path) -> Path:
    """What `application.packed` gave as an update. Raises BuildError."""
    return made(described(recipe, "application", store()), payload, {}, keys, output)


def made(
    what: Sheet, payload: Path, images: Mapping[str, Mapping[str, str]], keys: Keys, output: Path
) -> Path:
    """`payload` in whole blocks, its tree, and the signature over the manifest. Raises BuildError."""
    new = output.with_name(f"{output.name}.new")
    try:
        shutil.copyfile(payload, new)
        with new.open("r+b") as file:
            found = _with_tree(file)
            manifest = keyfile.written(
                {
                    "update": {
                        "compatible": what.compatible,
                        "version": what.version,
                        "build": str(int(what.built_at.timestamp())),
                    },
                    "bundle": {
                        "format": "verity",
                        "verity-hash": found.root.hex(),
                        "verity-salt": found.salt.hex(),
                        "verity-size": str(found.size),
                    },
                    **images,
                    SECTION: sheet.section(what),
                }
            )
            signed = signature.sign(manifest.encode(), keys.certificate, keys.key, attached=True)
            file.seek(0, 2)
            file.write(signed + len(signed).to_bytes(bundle.TRAILER, "big"))
        _read_back(new, keys)
        new.rename(output)
    except BundleError as exc:
        raise BuildError(f"{output.name} came out wrong: {exc.message}") from exc
    finally:
        new.unlink(missing_ok=True)
    return output


def _with_tree(file: BufferedRandom) -> verity.Verity:
    """The salt comes from the payload, so that the same payload has the same tree."""
    salt = hashlib.file_digest(file, "sha256").digest()
    size = file.seek(0, 2)
    size += file.write(bytes(-size % verity.BLOCK))
    found, tree = verity.made(file, size, salt)
    file.seek(size)
    file.write(tree)
    return found


def _read_back(path: Path, keys: Keys) -> None:
    """By us and by RAUC, as a machine would. Raises BundleError, BuildError."""
    found = bundle.opened(path, keys.keyring)
    bundle.check(found)
    what = sheet.of_bundle(found)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(
            f"[system]\ncompatible={what.compatible}\nbootloader=noop\nbundle-formats=-plain\n"
            f"[keyring]\npath={keys.keyring}\ncheck-purpose=codesign\nuse-bundle-signing-time=true\n"
        )
        settings.flush()
        run([program("rauc", "rauc"), f"--conf={settings.name}", "info", path])


def _put(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another's file, or another file system
        shutil.copyfile(source, target)
