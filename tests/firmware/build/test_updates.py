"""Updates as the build makes them, of small contents: read back by us and by RAUC."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from firmware.build import application, bundle, environment
from firmware.build.keys import Keys
from firmware.build.recipe import BASE, Recipe
from firmware.build.running import BuildError
from firmware.build.stages import Stages
from firmware.update import bundle as reading
from firmware.update import keyfile, sheet
from tests import needs
from tests.firmware import signing
from tests.firmware.update.bundles import payload

RECIPE = Recipe("1.4.0", "cloud", fast=True, epoch=1_700_000_000, notes="Größer: 100 % \\o/")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    needs.program("rauc")
    needs.program("mksquashfs", "squashfs-tools")
    made = signing.make(tmp_path_factory.mktemp("keys"))
    return Keys(made.certificate, str(made.key), made.ca, own=True)


def read(path: Path, keys: Keys) -> tuple[reading.Bundle, sheet.Sheet]:
    found = reading.opened(path, keys.keyring)
    reading.check(found)
    return found, sheet.of_bundle(found)


def program_folder(folder: Path) -> Path:
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/bin/python").symlink_to("/usr/bin/python3.11")
    (folder / "venv/bin/callisto").write_text(environment.START)
    (folder / "venv/lib.bin").write_bytes(payload(50))
    return folder


def test_a_system_holds_its_slot_and_says_what_it_does(tmp_path: Path, keys: Keys) -> None:
    slot = tmp_path / "slot.squashfs"
    slot.write_bytes(payload(260)[:-100])
    made = bundle.system(RECIPE, slot, keys, tmp_path / f"{RECIPE.name}.raucb")
    found, what = read(made, keys)
    assert (what.kind, what.version, what.kernel, what.base) == ("system", "1.4.0", "cloud", BASE)
    assert what.notes == RECIPE.notes
    image = keyfile.read(found.manifest.encode())["image.rootfs"]
    assert image["sha256"] == hashlib.sha256(slot.read_bytes()).hexdigest()
    unsquashfs = needs.program("unsquashfs", "squashfs-tools")
    held = subprocess.run((unsquashfs, "-cat", made, image["filename"]), capture_output=True, check=True)
    assert held.stdout == slot.read_bytes()
    assert not list(tmp_path.glob("bundle-*"))
    assert not list(tmp_path.glob("*.new"))


def test_an_application_holds_its_program_and_is_the_same_twice(tmp_path: Path, keys: Keys) -> None:
    source = program_folder(tmp_path / "source")
    found = []
    for number in ("first", "second"):
        stages = Stages(tmp_path / number, lambda _text: None)
        packed = application.packed(RECIPE, stages, source, "key")
        made = bundle.application(RECIPE, packed, keys, tmp_path / f"{number}.raucb")
        found.append(read(made, keys))
    (one, what), (other, _) = found
    assert (what.kind, what.restart, what.kernel) == ("application", "services", "")
    # All but the signature, which has its time in it.
    assert one.manifest == other.manifest
    assert one.verity == other.verity
    unsquashfs = needs.program("unsquashfs", "squashfs-tools")
    listed = subprocess.run((unsquashfs, "-lls", one.path), capture_output=True, text=True, check=True).stdout
    assert "venv/bin/python -> /usr/bin/python3.11" in listed
    assert "drwxr-xr-x" in next(line for line in listed.splitlines() if line.endswith(" squashfs-root"))
    assert all("root/root" in line for line in listed.splitlines() if line[:1] in ("d", "-", "l"))


def test_a_key_that_machines_would_refuse_makes_no_update(tmp_path: Path, keys: Keys) -> None:
    other = signing.make(tmp_path / "keys", usage="serverAuth")
    slot = tmp_path / "slot.squashfs"
    slot.write_bytes(payload(3))
    made = tmp_path / "x.raucb"
    with pytest.raises(BuildError, match="came out wrong"):
        bundle.system(RECIPE, slot, Keys(other.certificate, str(other.key), other.ca, own=True), made)
    assert not made.exists()


def test_the_program_starts_what_is_beside_it(tmp_path: Path) -> None:
    """In the slot, in a bundle, and by a link from elsewhere."""
    home = program_folder(tmp_path / "any where") / "venv/bin"
    (home / "callisto").chmod(0o755)
    (home / "python").unlink()
    (home / "python").write_text('#!/bin/sh\necho "$0" "$@"\n')
    (home / "python").chmod(0o755)
    (tmp_path / "link").symlink_to(home / "callisto")
    said = subprocess.run((tmp_path / "link", "status", "a b"), capture_output=True, text=True, check=True)
    assert said.stdout == f"{home}/python -P -m appliance status a b\n"
