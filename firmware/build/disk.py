"""Stage 5: the disk: partition table, what firmware starts, one slot, an empty file system for data.

Files are written at their places in a sparse file: nothing is mounted, nobody has to be root.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firmware.build import grub, layout
from firmware.build.recipe import FIRMWARE, Recipe, digest
from firmware.build.running import BuildError, program, run
from firmware.build.stages import Stages
from firmware.gpt import SECTOR, TABLE_SECTORS, Table

FILE = "disk.img"
GRUB_CFG = FIRMWARE / "boot" / "grub.cfg"
BLOCK = 1 << 20


def assembled(recipe: Recipe, stages: Stages, slot: Path) -> Path:
    """The raw image, sparse."""

    def make(folder: Path, _tell: Callable[[str], None]) -> None:
        table = layout.table()
        code, core = _bios(folder, table.named("bios").first)
        esp, data = folder / "esp", folder / "data"
        make_esp(esp, table.named("esp").size, GRUB_CFG.read_bytes(), recipe.epoch, folder)
        make_data(data, table.named("data").size, recipe.epoch)
        write(folder / FILE, table, code, {"bios": core, "esp": esp, "rootfs-a": slot, "data": data})
        for path in (esp, data):
            path.unlink()

    key = digest(*map(Path, (__file__, grub.__file__, layout.__file__)), GRUB_CFG, slot.parent.name)
    name = f"disk-{recipe.kernel}{'-fast' if recipe.fast else ''}"
    return stages.made(name, "disk", key, make) / FILE


def write(path: Path, table: Table, boot_code: bytes, contents: dict[str, bytes | Path]) -> None:
    """A disk with `table` and the content of partitions by name; what is zero is left out. Raises BuildError
    for content that is larger than its partition."""
    with path.open("wb") as disk:
        disk.truncate(table.sectors * SECTOR)
        disk.write(table.primary(boot_code))
        disk.seek((table.sectors - 1 - TABLE_SECTORS) * SECTOR)
        disk.write(table.backup())
        for name, content in contents.items():
            part = table.named(name)
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            if size > part.size:
                raise BuildError(f"{size} bytes are more than partition {name} has: {part.size}")
            disk.seek(part.start)
            if isinstance(content, bytes):
                disk.write(content)
                continue
            with content.open("rb") as source:
                while block := source.read(BLOCK):
                    if block.count(0) == len(block):
                        disk.seek(len(block), os.SEEK_CUR)
                    else:
                        disk.write(block)


def make_esp(path: Path, size: int, config: bytes, epoch: int, work: Path) -> None:
    """The file system that UEFI reads, and GRUB: what starts, and which slot."""
    at = {"SOURCE_DATE_EPOCH": str(epoch)}
    files = work / "esp-files"
    (files / "EFI/BOOT").mkdir(parents=True)
    (files / "EFI/callisto").mkdir()
    grub.image(grub.efi(), files / "EFI/BOOT/BOOTX64.EFI")
    (files / "EFI/callisto/grub.cfg").write_bytes(config)
    (files / "EFI/callisto/grubenv").write_bytes(grub.environment())
    for one in sorted(files.rglob("*"), reverse=True):
        os.utime(one, (epoch, epoch))
    with path.open("wb") as file:
        file.truncate(size)
    number = f"{layout.identity('esp').int & 0xFFFFFFFF:08x}"
    mkfs = program("mkfs.vfat", "dosfstools")
    run([mkfs, "-F", "32", "-n", "CALLISTO", "-i", number, "--invariant", path], env=at)
    for folder in ("EFI", "EFI/BOOT", "EFI/callisto"):
        run([program("mmd", "mtools"), "-i", path, f"::{folder}"], env=at)
    for one in sorted(one for one in files.rglob("*") if one.is_file()):
        run([program("mcopy", "mtools"), "-m", "-i", path, one, f"::{one.relative_to(files)}"], env=at)
    shutil.rmtree(files)


def make_data(path: Path, size: int, epoch: int) -> None:
    """An empty ext4: its folders are made at the first start."""
    with path.open("wb") as file:
        file.truncate(size)
    options = f"hash_seed={layout.identity('hash seed')},lazy_itable_init=0,lazy_journal_init=0"
    identity = ("-U", str(layout.identity("data file system")), "-L", "data", "-m", "1")
    mke2fs = program("mke2fs", "e2fsprogs")
    run(
        [mke2fs, "-q", "-t", "ext4", "-b", "4096", "-i", "16384", *identity, "-E", options, path],
        env={"E2FSPROGS_FAKE_TIME": str(epoch), "MKE2FS_DETERMINISTIC": "1"},
    )


def _bios(folder: Path, sector: int) -> tuple[bytes, bytes]:
    """The boot code of the first sector, and the core image for the partition that begins at `sector`."""
    file = folder / "core.img"
    grub.image(grub.bios(), file)
    core = grub.core(file.read_bytes(), sector)
    file.unlink()
    return grub.boot_sector(grub.boot_code(), sector), core
