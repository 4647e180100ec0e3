"""What `make image` leaves behind, looked at by programs of others."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from firmware import gpt, signature
from firmware.manifest import of_json
from tests import needs
from tests.image.conftest import Built

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]


def said_by(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def table(image: Built) -> gpt.Table:
    with image.disk.open("rb") as disk:
        return gpt.read(disk.read(gpt.FIRST_USABLE * gpt.SECTOR))


def content(image: Built, part: gpt.Partition, size: int) -> bytes:
    with image.disk.open("rb") as disk:
        disk.seek(part.start)
        return disk.read(size)


def test_sgdisk_finds_no_problem_with_the_partitions(image: Built) -> None:
    assert "No problems found" in said_by(needs.program("sgdisk", "gdisk"), "-v", image.disk)


@pytest.mark.parametrize(("name", "check"), [("esp", "fsck.vfat"), ("data", "e2fsck")])
def test_file_systems_are_sound(
    image: Built, table: gpt.Table, tmp_path: Path, name: str, check: str
) -> None:
    part = table.named(name)
    (tmp_path / name).write_bytes(content(image, part, part.size))
    options = "-fn" if check == "e2fsck" else "-n"
    said_by(needs.program(check), options, tmp_path / name)


def test_the_manifest_is_signed_and_says_what_is_on_the_disk(image: Built, table: gpt.Table) -> None:
    raw = image.manifest.read_bytes()
    signed = image.manifest.with_name(f"{image.manifest.name}.p7s").read_bytes()
    assert signature.verify(raw, signed, image.keyring)
    manifest = of_json(raw)
    with image.disk.open("rb") as disk:
        for one in manifest.ranges:
            disk.seek(one.at)
            assert hashlib.sha256(disk.read(one.size)).hexdigest() == one.sha256
    slot = content(image, table.named("rootfs-a"), manifest.slot.size)
    assert hashlib.sha256(slot).hexdigest() == manifest.slot.sha256


def test_what_bmaptool_would_write_is_within_what_we_write(image: Built, tmp_path: Path) -> None:
    bmaptool = needs.program("bmaptool", "bmap-tools")
    said_by(bmaptool, "create", "-o", tmp_path / "bmap", image.disk)
    mapped = re.search(r"<MappedBlocksCount>\s*(\d+)", (tmp_path / "bmap").read_text())
    assert mapped is not None
    ours = of_json(image.manifest.read_bytes())
    assert sum(one.size for one in ours.ranges) <= int(mapped[1]) * 4096 + (64 << 10) * len(ours.ranges)


def test_every_block_of_the_update_is_what_was_signed(image: Built, tmp_path: Path) -> None:
    rauc = needs.program("rauc")
    veritysetup = needs.program("veritysetup", "cryptsetup-bin")
    conf = tmp_path / "rauc.conf"
    conf.write_text(
        "[system]\ncompatible=callisto-x86_64\nbootloader=noop\nbundle-formats=-plain\n"
        f"[keyring]\npath={image.keyring}\ncheck-purpose=codesign\n"
    )
    told = json.loads(said_by(rauc, f"--conf={conf}", "info", "--output-format=json", image.bundle))
    assert told["compatible"] == "callisto-x86_64"
    raw = said_by(rauc, f"--conf={conf}", "info", "--dump-cert", image.bundle)
    verity = dict(re.findall(r"Verity (Salt|Hash|Size):\s*'?([0-9a-f]+)", raw))
    size = image.bundle.stat().st_size
    with image.bundle.open("rb") as bundle:
        bundle.seek(size - 8)
        signed = int.from_bytes(bundle.read(8), "big")
    at = size - 8 - signed - int(verity["Size"])
    said_by(
        *(veritysetup, "verify", image.bundle, image.bundle, verity["Hash"], "--no-superblock"),
        *(f"--data-blocks={at // 4096}", f"--hash-offset={at}", f"--salt={verity['Salt']}"),
        *("--data-block-size=4096", "--hash-block-size=4096"),
    )


def test_the_bill_of_materials_names_what_matters(image: Built) -> None:
    document = json.loads(image.disk.with_suffix(".spdx.json").read_text())
    names = {one["name"] for one in document["packages"]}
    assert {"systemd", "rauc", "libssl3", "callisto-appliance", "pjsua2-python", "SQLAlchemy"} <= names
    engine = next(one for one in document["packages"] if one["name"] == "pjsua2-python")
    assert engine["versionInfo"].endswith("+legs2048")
