"""GRUB without its installer: what BIOS and UEFI start, and the blocks by which its parts find each other."""

from __future__ import annotations

import struct
from pathlib import Path

from firmware.build.running import BuildError, program, run
from firmware.gpt import SECTOR

MODULES = (
    *("part_gpt", "fat", "squash4", "ext2", "normal", "linux", "echo", "test", "regexp", "probe", "loadenv"),
    *("configfile", "search", "search_fs_file", "search_label", "search_fs_uuid", "serial", "terminal"),
    *("gzio", "xzio", "reboot"),
)
PREFIX = "/EFI/callisto"
FOLDER = Path("/usr/lib/grub")
ENVIRONMENT = ("ORDER=A B", "A_OK=1", "B_OK=0", "A_TRY=0", "B_TRY=0")
"""Slot B of a new disk is empty."""

_CORE_AT = 0x5C
_DRIVE_CHECK = 0x66
_SEGMENT = 0x820


def efi() -> tuple[str, ...]:
    """Arguments of grub-mkimage for UEFI, without the output."""
    return ("-O", "x86_64-efi", "-p", PREFIX, *MODULES, "efi_gop")


def bios() -> tuple[str, ...]:
    """The same for a BIOS: it finds the second partition of the disk that it was started from."""
    return ("-O", "i386-pc", "-p", f"(,gpt2){PREFIX}", *MODULES, "biosdisk")


def image(arguments: tuple[str, ...], output: Path) -> None:
    if not (FOLDER / arguments[1]).is_dir():
        package = "grub-pc-bin" if arguments[1] == "i386-pc" else "grub-efi-amd64-bin"
        raise BuildError(f"there is no GRUB for {arguments[1]} on this machine", f"apt-get install {package}")
    run([program("grub-mkimage", "grub-common"), *arguments[:4], "-o", output, *arguments[4:]])


def boot_code() -> bytes:
    """What GRUB has for the first sector."""
    return (FOLDER / "i386-pc" / "boot.img").read_bytes()


def boot_sector(code: bytes, core_sector: int) -> bytes:
    """The first 440 bytes of the disk: `code`, with where the core image begins."""
    patched = bytearray(code[:440])
    struct.pack_into("<Q", patched, _CORE_AT, core_sector)
    # Not to trust a BIOS that says we were started from a floppy disk.
    patched[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"
    return bytes(patched)


def core(image_of_it: bytes, core_sector: int) -> bytes:
    """The core image with the one run of sectors after its first."""
    sectors = -(-len(image_of_it) // SECTOR)
    patched = bytearray(image_of_it.ljust(sectors * SECTOR, b"\0"))
    struct.pack_into("<QHH", patched, SECTOR - 12, core_sector + 1, sectors - 1, _SEGMENT)
    return bytes(patched)


def environment(lines: tuple[str, ...] = ENVIRONMENT) -> bytes:
    """A grubenv: 1024 bytes, of which GRUB writes no more."""
    text = "# GRUB Environment Block\n" + "".join(f"{line}\n" for line in lines)
    return text.encode().ljust(1024, b"#")
