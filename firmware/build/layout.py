"""Where everything is on the disk."""

from __future__ import annotations

import uuid

from firmware import gpt

MIB = 1 << 20
BIOS_GRUB = 1 * MIB
ESP = 64 * MIB
SLOT = 512 * MIB
DATA = 256 * MIB
"""It grows to the end of the disk at the first start."""

PARTITIONS = (
    ("bios", gpt.BIOS_BOOT, BIOS_GRUB),
    ("esp", gpt.EFI_SYSTEM, ESP),
    ("rootfs-a", gpt.ROOT_X86_64, SLOT),
    ("rootfs-b", gpt.ROOT_X86_64, SLOT),
    ("data", gpt.LINUX, DATA),
)
"""In this order: grub.cfg knows the slots as 3 and 4, and the last one grows."""

SIZE = MIB + sum(size for _, _, size in PARTITIONS) + MIB
_NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "callisto-appliance.invalid")


def identity(name: str) -> uuid.UUID:
    """The same in every image; whoever writes one to a disk gives it new ones."""
    return uuid.uuid5(_NAMES, name)


def table() -> gpt.Table:
    """The partition table of the image: everything begins at a whole MiB."""
    parts = []
    at = MIB // gpt.SECTOR
    for name, kind, size in PARTITIONS:
        sectors = size // gpt.SECTOR
        parts.append(gpt.Partition(name, kind, identity(name), at, at + sectors - 1))
        at += sectors
    return gpt.Table(identity("disk"), SIZE // gpt.SECTOR, tuple(parts))
