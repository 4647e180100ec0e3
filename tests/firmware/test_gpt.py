"""The partition table: what we write is what others read."""

from __future__ import annotations

import subprocess
import uuid
from itertools import count
from pathlib import Path

import pytest

from firmware import gpt
from tests import needs

SECTORS = 64 * 2048
DISK = uuid.UUID(int=1)


def table(sectors: int = SECTORS) -> gpt.Table:
    return gpt.Table(
        DISK,
        sectors,
        (
            gpt.Partition("bios", gpt.BIOS_BOOT, uuid.UUID(int=2), 2048, 4095),
            gpt.Partition("data", gpt.LINUX, uuid.UUID(int=3), 4096, 8191),
        ),
    )


def write(path: Path, one: gpt.Table) -> None:
    with path.open("wb") as disk:
        disk.truncate(one.sectors * gpt.SECTOR)
        disk.write(one.primary())
        disk.seek((one.sectors - 1 - gpt.TABLE_SECTORS) * gpt.SECTOR)
        disk.write(one.backup())


def test_what_is_written_is_read() -> None:
    assert gpt.read(table().primary()) == table()


def test_sgdisk_finds_no_problem(tmp_path: Path) -> None:
    write(tmp_path / "disk", table())
    sgdisk = needs.program("sgdisk", "gdisk")
    said = subprocess.run(
        [sgdisk, "-v", tmp_path / "disk"], capture_output=True, text=True, check=True
    ).stdout
    assert "No problems found" in said


def test_on_a_larger_disk_everything_has_a_new_identity_and_sgdisk_agrees(tmp_path: Path) -> None:
    numbers = count(100)
    larger = table().on(2 * SECTORS, lambda: uuid.UUID(int=next(numbers)))
    assert [(one.name, one.first, one.last) for one in larger.partitions] == [
        (one.name, one.first, one.last) for one in table().partitions
    ]
    old = {DISK, *(one.guid for one in table().partitions)}
    assert not old & {larger.guid, *(one.guid for one in larger.partitions)}
    write(tmp_path / "disk", larger)
    sgdisk = needs.program("sgdisk", "gdisk")
    said = subprocess.run(
        [sgdisk, "-v", tmp_path / "disk"], capture_output=True, text=True, check=True
    ).stdout
    assert "No problems found" in said


def test_a_disk_that_is_too_small_is_refused() -> None:
    with pytest.raises(gpt.TableError, match="the last that the disk has is"):
        table().on(8192, uuid.uuid4)


def test_partitions_that_overlap_are_refused() -> None:
    both = tuple(gpt.Partition(name, gpt.LINUX, uuid.uuid4(), 2048, 4095) for name in "ab")
    with pytest.raises(gpt.TableError, match="partition b"):
        gpt.Table(DISK, SECTORS, both)


@pytest.mark.parametrize("at", [0x200 + 3, 0x200 + 40, 0x400 + 5])
def test_one_flipped_byte_is_noticed(at: int) -> None:
    raw = bytearray(table().primary())
    raw[at] ^= 0xFF
    with pytest.raises(gpt.TableError):
        gpt.read(bytes(raw))


def test_boot_code_leaves_the_partition_entry_alone() -> None:
    with pytest.raises(gpt.TableError, match="440"):
        table().primary(bytes(441))
    raw = table().primary(b"\x90" * 440)
    assert raw[:440] == b"\x90" * 440
    assert raw[510:512] == b"\x55\xaa"
    assert raw[450] == 0xEE
