"""A small image, as the real one is divided, with its manifest."""

from __future__ import annotations

import hashlib
import random
import uuid
from pathlib import Path

from firmware import gpt
from firmware.manifest import SIGNATURE_SUFFIX, SUFFIX, Manifest, Slot, to_json
from firmware.mapping import ranges
from firmware.signature import sign
from tests.firmware.signing import Keys

MIB = 1 << 20
SIZE = 12 * MIB
SLOT = MIB
NAME = "callisto-1.4.0.img"


def table() -> gpt.Table:
    def part(number: int, name: str, kind: uuid.UUID, first: int, last: int) -> gpt.Partition:
        return gpt.Partition(name, kind, uuid.UUID(int=number), first * 2048, last * 2048 - 1)

    return gpt.Table(
        uuid.UUID(int=1),
        SIZE // gpt.SECTOR,
        (
            part(2, "bios", gpt.BIOS_BOOT, 1, 2),
            part(3, "esp", gpt.EFI_SYSTEM, 2, 4),
            part(4, "rootfs-a", gpt.ROOT_X86_64, 4, 6),
            part(5, "rootfs-b", gpt.ROOT_X86_64, 6, 8),
            part(6, "data", gpt.LINUX, 8, 11),
        ),
    )


def content() -> bytes:
    """With holes that count: an ESP and a data partition are zeros for the most part."""
    noise = random.Random(6)
    made, own = bytearray(SIZE), table()
    for name, size in (("bios", 40_000), ("esp", 5000), ("rootfs-a", SLOT), ("data", 200_000)):
        at = own.named(name).start
        made[at : at + size] = noise.randbytes(size)
    made[0 : gpt.FIRST_USABLE * gpt.SECTOR] = own.primary(b"boot code")
    made[-len(own.backup()) :] = own.backup()
    return bytes(made)


def manifest(image: Path) -> Manifest:
    raw = image.read_bytes()
    at = table().named("rootfs-a").start
    return Manifest(
        version="1.4.0",
        compatible="callisto-x86_64",
        made_at="2026-11-23T00:00:00Z",
        image=NAME,
        size=SIZE,
        slot=Slot(SLOT, hashlib.sha256(raw[at : at + SLOT]).hexdigest()),
        ranges=ranges(image),
    )


def make(folder: Path, keys: Keys | None = None) -> Path:
    """The image in a folder; with `keys`, its signed manifest beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / NAME
    image.write_bytes(content())
    if keys:
        beside = folder / f"{NAME}{SUFFIX}"
        beside.write_bytes(to_json(manifest(image)))
        signature = sign(beside.read_bytes(), keys.certificate, str(keys.key))
        (folder / f"{NAME}{SUFFIX}{SIGNATURE_SUFFIX}").write_bytes(signature)
    return image
