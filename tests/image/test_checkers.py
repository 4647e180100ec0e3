"""What programs of others find in the image: none of them knows how it was made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware import gpt
from firmware.build.environment import PACKAGES
from firmware.manifest import of_json
from firmware.update import bundle
from tests import needs
from tests.image import releases as made
from tests.image.conftest import CHECKOUT, Built
from tests.image.releases import Releases
from tests.image.test_quick import ALONE, permitted

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

CHANGED = {"usr/lib/os-release"}
"""Says which release of ours it is."""
LEFT_OUT = re.compile(r"usr/share/doc-base/|boot/vmlinuz-")
"""The kernel is there under another name."""
LEAST_HARDENING = 60
"""Of 100, as lynis counts a whole server."""


def said_by(*argv: str | Path, fails: bool = False) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert fails or not done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def flashed(image: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A medium, larger than the image, as `callisto flash` leaves it."""
    target = tmp_path_factory.mktemp("medium") / "medium"
    with target.open("wb") as file:
        file.truncate(image.disk.stat().st_size + (300 << 20))
    argv = ["-m", "appliance", "flash", "--keyring", str(image.keyring), "--yes", target.name]
    done = subprocess.run(
        [sys.executable, "-P", *argv, str(image.disk), str(target)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return target


def table_of(disk: Path) -> gpt.Table:
    with disk.open("rb") as file:
        return gpt.read(file.read(gpt.FIRST_USABLE * gpt.SECTOR))


def test_sgdisk_finds_no_problem_with_a_flashed_medium(flashed: Path) -> None:
    assert "No problems found" in said_by(needs.program("sgdisk", "gdisk"), "-v", flashed)


@pytest.mark.parametrize(("name", "check"), [("esp", "fsck.vfat"), ("data", "fsck.ext4")])
def test_file_systems_on_a_flashed_medium_are_sound(
    flashed: Path, tmp_path: Path, name: str, check: str
) -> None:
    part = table_of(flashed).named(name)
    with flashed.open("rb") as disk:
        disk.seek(part.start)
        (tmp_path / name).write_bytes(disk.read(part.size))
    said_by(needs.program(check), "-n", *(("-f",) if name == "data" else ()), tmp_path / name)


def test_bmaptool_would_have_written_the_same(image: Built, flashed: Path, tmp_path: Path) -> None:
    """But for the partition table, of which every medium has its own."""
    bmaptool = needs.program("bmaptool", "bmap-tools")
    other = tmp_path / "other"
    said_by(bmaptool, "create", "-o", tmp_path / "bmap", image.disk)
    said_by(bmaptool, "copy", "--bmap", tmp_path / "bmap", image.disk, other)
    first, last = gpt.FIRST_USABLE * gpt.SECTOR, (table_of(image.disk).last_usable + 1) * gpt.SECTOR
    with other.open("rb") as theirs, flashed.open("rb") as ours:
        for one in of_json(image.manifest.read_bytes()).ranges:
            at = max(one.at, first)
            size = max(0, min(one.at + one.size, last) - at)
            theirs.seek(at)
            ours.seek(at)
            assert theirs.read(size) == ours.read(size), f"they differ between {at} and {at + size}"


@pytest.mark.parametrize("kind", ["system", "application", "tampered"])
def test_veritysetup_agrees_on_what_is_whole(image: Built, releases: Releases, kind: str) -> None:
    veritysetup = needs.program("veritysetup", "cryptsetup-bin")
    path = image.bundle
    if kind == "application":
        path = releases.application("9.9.9")
    elif kind == "tampered":
        path = made.tampered(releases.hollow("9.9.8"))
    found = bundle.opened(path, image.keyring)
    at = found.payload
    argv = (
        *(veritysetup, "verify", path, path, found.verity.root.hex(), "--no-superblock"),
        *(f"--data-blocks={at // 4096}", f"--hash-offset={at}", f"--salt={found.verity.salt.hex()}"),
        *("--data-block-size=4096", "--hash-block-size=4096"),
    )
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (kind != "tampered"), done.stdout + done.stderr
    if kind == "tampered":
        with pytest.raises(bundle.BundleError):
            bundle.check(found)
    else:
        bundle.check(found)


def test_every_file_of_debian_is_as_its_package_brought_it(tree: Path) -> None:
    debsums = needs.program("debsums")
    said = said_by(debsums, f"--root={tree}", "--silent", fails=True)
    found = re.findall(rf"debsums: (changed|missing) file {re.escape(str(tree))}/(\S+)", said)
    assert len(found) == len(said.splitlines()), said
    assert {name for what, name in found if what == "changed"} <= CHANGED
    assert not [name for what, name in found if what == "missing" and not LEFT_OUT.match(name)]


def test_the_kernel_is_the_one_that_debian_signed_for(tree: Path) -> None:
    sums = "".join(one.read_text() for one in (tree / "var/lib/dpkg/info").glob("linux-image-*.md5sums"))
    expected = re.findall(r"^([0-9a-f]{32})  boot/vmlinuz-", sums, re.MULTILINE)
    kernel = hashlib.md5((tree / "boot/vmlinuz").read_bytes(), usedforsecurity=False)
    assert expected == [kernel.hexdigest()]


def test_checksec_finds_the_engine_built_as_debian_builds_its_own(tree: Path) -> None:
    checksec = needs.program("checksec")
    (engine,) = (tree / PACKAGES).glob("pjsua2/_pjsua2*.so")
    ((_, found),) = json.loads(said_by(checksec, f"--file={engine}", "--output=json")).items()
    print(f"\nchecksec: {found}")
    assert (found["nx"], found["rpath"], found["runpath"], found["pie"]) == ("yes", "no", "no", "dso")
    assert (found["relro"], found["canary"], found["fortify_source"]) == ("full", "yes", "yes")


def test_lynis_has_a_number_for_it(tree: Path, tmp_path: Path) -> None:
    needs.program("lynis")
    permitted()
    report = said_by(*ALONE, "sh", Path(__file__).with_name("lynis.sh"), tree, tmp_path)
    index = re.search(r"^hardening_index=(\d+)", report, re.MULTILINE)
    assert index, report[-2000:]
    warnings = re.findall(r"^warning\[\]=(\S+)\|([^|]*)", report, re.MULTILINE)
    print(f"\nlynis: {index[1]} of 100; warnings: {warnings}")
    assert int(index[1]) >= LEAST_HARDENING
