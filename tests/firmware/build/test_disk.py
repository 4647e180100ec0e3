"""The disk, on sparse files: what goes where, the same each time, and others agree."""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from firmware import gpt
from firmware.build import disk, grub, layout
from firmware.build.running import BuildError
from tests import needs

EPOCH = 1_700_000_000


def small() -> gpt.Table:
    parts = (("a", 2048, 4095), ("b", 4096, 6143))
    return gpt.Table(
        uuid.UUID(int=1),
        8192,
        tuple(gpt.Partition(n, gpt.LINUX, uuid.UUID(int=i), f, e) for i, (n, f, e) in enumerate(parts, 2)),
    )


def test_the_image_has_its_partitions_where_the_boot_menu_looks() -> None:
    table = layout.table()
    assert [one.name for one in table.partitions] == ["bios", "esp", "rootfs-a", "rootfs-b", "data"]
    assert all(one.start % layout.MIB == 0 for one in table.partitions)
    assert table.partitions[-1].last <= table.last_usable
    menu = disk.GRUB_CFG.read_text()
    assert "bootslot A 3" in menu
    assert "bootslot B 4" in menu


def test_contents_are_at_their_places_and_zeros_take_no_room(tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(bytes(disk.BLOCK - 3) + b"end")
    disk.write(tmp_path / "disk", small(), b"boot", {"a": b"text", "b": content})
    raw = (tmp_path / "disk").read_bytes()
    assert len(raw) == 8192 * 512
    assert raw[:4] == b"boot"
    assert raw[2048 * 512 :][:4] == b"text"
    assert raw[4096 * 512 + disk.BLOCK - 3 :][:3] == b"end"
    assert gpt.read(raw) == small()
    disk.write(tmp_path / "empty", small(), b"", {})
    assert (tmp_path / "empty").stat().st_blocks * 512 < 1 << 17


def test_content_larger_than_its_partition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="more than partition a has"):
        disk.write(tmp_path / "disk", small(), b"", {"a": bytes(2048 * 512 + 1)})


def test_the_boot_sector_knows_where_the_core_begins_and_the_core_where_it_goes_on() -> None:
    sector = grub.boot_sector(bytes(512), 2048)
    assert len(sector) == 440
    assert struct.unpack_from("<Q", sector, 0x5C) == (2048,)
    assert sector[0x66:0x68] == b"\x90\x90"
    core = grub.core(bytes(1300), 2048)
    assert len(core) == 3 * 512
    assert struct.unpack_from("<QHH", core, 500) == (2049, 2, 0x820)


def test_the_memory_of_the_boot_menu_is_what_grub_reads(tmp_path: Path) -> None:
    file = tmp_path / "grubenv"
    file.write_bytes(grub.environment())
    editor = needs.program("grub-editenv", "grub-common")
    said = subprocess.run([editor, file, "list"], capture_output=True, text=True, check=True).stdout
    assert tuple(said.splitlines()) == grub.ENVIRONMENT
    assert file.stat().st_size == 1024


def test_the_boot_menu_is_a_script_that_grub_understands() -> None:
    check = needs.program("grub-script-check", "grub-common")
    subprocess.run([check, disk.GRUB_CFG], check=True)


def test_the_data_partition_is_the_same_each_time_and_sound(tmp_path: Path) -> None:
    for name in ("one", "other"):
        disk.make_data(tmp_path / name, 32 << 20, EPOCH)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    fsck = needs.program("e2fsck", "e2fsprogs")
    subprocess.run([fsck, "-fn", tmp_path / "one"], check=True, capture_output=True)


def test_what_uefi_reads_is_the_same_each_time_and_sound(tmp_path: Path) -> None:
    needs.program("grub-mkimage", "grub-common")
    needs.program("mcopy", "mtools")
    fsck = needs.program("fsck.vfat", "dosfstools")
    for name in ("one", "other"):
        work = tmp_path / f"work-{name}"
        work.mkdir()
        disk.make_esp(tmp_path / name, layout.ESP, b"menu", EPOCH, work)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    subprocess.run([fsck, "-n", tmp_path / "one"], check=True, capture_output=True)
    listed = subprocess.run(
        ["mdir", "-/", "-b", "-i", tmp_path / "one"], capture_output=True, text=True, check=True
    ).stdout
    assert "::/EFI/BOOT/BOOTX64.EFI" in listed
    assert "::/EFI/callisto/grub.cfg" in listed
    assert "::/EFI/callisto/grubenv" in listed


def test_a_kernel_that_finds_no_disk_gives_up_so_that_the_try_counts() -> None:
    text = (Path(grub.__file__).parents[1] / "boot" / "grub.cfg").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("set args="))
    words = line.split("=", 1)[1].strip('"').split()
    assert "panic=10" in words
    assert "rootwait" not in words
