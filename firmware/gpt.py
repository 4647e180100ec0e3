"""The GUID partition table of a disk, to and from bytes."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

SECTOR = 512
ENTRIES = 128
ENTRY_BYTES = 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
FIRST_USABLE = 2 + TABLE_SECTORS
"""After the protective MBR, the header and the entries."""

BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
ROOT_X86_64 = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SIGNATURE = b"EFI PART"
_REVISION = 0x00010000


class TableError(ValueError):
    """Bytes that are no partition table, or partitions that do not fit."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Sectors `first` to `last`, both its own."""

    name: str
    kind: uuid.UUID
    guid: uuid.UUID
    first: int
    last: int

    @property
    def start(self) -> int:
        """In bytes."""
        return self.first * SECTOR

    @property
    def size(self) -> int:
        """In bytes."""
        return (self.last - self.first + 1) * SECTOR


@dataclass(frozen=True, slots=True)
class Table:
    """What a disk of `sectors` sectors is divided into."""

    guid: uuid.UUID
    sectors: int
    partitions: tuple[Partition, ...]

    def __post_init__(self) -> None:
        end = FIRST_USABLE - 1
        for one in sorted(self.partitions, key=lambda part: part.first):
            if one.first <= end or one.last < one.first:
                raise TableError(f"partition {one.name}: its sectors {one.first} to {one.last} are not free")
            end = one.last
        if end > self.last_usable:
            raise TableError(
                f"the partitions end at sector {end}, and the last that the disk has is {self.last_usable}"
            )

    @property
    def last_usable(self) -> int:
        return self.sectors - 2 - TABLE_SECTORS

    def named(self, name: str) -> Partition:
        """Raises TableError when there is none."""
        for one in self.partitions:
            if one.name == name:
                return one
        raise TableError(f"there is no partition {name} on this disk")

    def on(self, sectors: int, guid: Callable[[], uuid.UUID]) -> Table:
        """The same partitions on a disk of another size, all with new GUIDs."""
        parts = tuple(replace(one, guid=guid()) for one in self.partitions)
        return Table(guid(), sectors, parts)

    def primary(self, boot_code: bytes = b"") -> bytes:
        """Sectors 0 to 33. `boot_code`: what a BIOS starts, at most 440 bytes."""
        entries = self._entries()
        return _protective_mbr(self.sectors, boot_code) + self._header(entries, backup=False) + entries

    def backup(self) -> bytes:
        """The last 33 sectors."""
        entries = self._entries()
        return entries + self._header(entries, backup=True)

    def _entries(self) -> bytes:
        packed = b"".join(
            _ENTRY.pack(
                one.kind.bytes_le, one.guid.bytes_le, one.first, one.last, 0, one.name.encode("utf-16-le")
            )
            for one in self.partitions
        )
        return packed.ljust(ENTRIES * ENTRY_BYTES, b"\0")

    def _header(self, entries: bytes, *, backup: bool) -> bytes:
        here, there = (self.sectors - 1, 1) if backup else (1, self.sectors - 1)
        table_at = self.sectors - 1 - TABLE_SECTORS if backup else 2

        def packed(crc: int) -> bytes:
            return _HEADER.pack(
                *(_SIGNATURE, _REVISION, _HEADER.size, crc, 0, here, there, FIRST_USABLE, self.last_usable),
                *(self.guid.bytes_le, table_at, ENTRIES, ENTRY_BYTES, zlib.crc32(entries)),
            )

        return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def read(primary: bytes) -> Table:
    """The table in the first 34 sectors of a disk. Raises TableError for anything that is damaged."""
    if len(primary) < FIRST_USABLE * SECTOR:
        raise TableError(f"{len(primary)} bytes are too few for a partition table")
    header = primary[SECTOR : SECTOR + _HEADER.size]
    fields = _HEADER.unpack(header)
    if fields[0] != _SIGNATURE:
        raise TableError("there is no GPT on this disk")
    if zlib.crc32(header[:16] + bytes(4) + header[20:]) != fields[3]:
        raise TableError("the header of the GPT is damaged")
    there, guid, table_at, count, size, crc = fields[6], fields[9], *fields[10:14]
    if (table_at, count, size) != (2, ENTRIES, ENTRY_BYTES):
        raise TableError("the GPT has a form that we do not write")
    entries = primary[2 * SECTOR : FIRST_USABLE * SECTOR]
    if zlib.crc32(entries) != crc:
        raise TableError("the entries of the GPT are damaged")
    parts = (_partition(entries[at : at + size]) for at in range(0, len(entries), size))
    return Table(uuid.UUID(bytes_le=guid), there + 1, tuple(one for one in parts if one is not None))


def _partition(raw: bytes) -> Partition | None:
    kind, guid, first, last, _, name = _ENTRY.unpack(raw)
    if kind == bytes(16):
        return None
    return Partition(
        name.decode("utf-16-le", "replace").rstrip("\0"),
        uuid.UUID(bytes_le=kind),
        uuid.UUID(bytes_le=guid),
        first,
        last,
    )


def _protective_mbr(sectors: int, boot_code: bytes) -> bytes:
    if len(boot_code) > 440:
        raise TableError(f"{len(boot_code)} bytes of boot code are more than the 440 that there is room for")
    covered = min(sectors - 1, 0xFFFFFFFF)
    entry = struct.pack("<B3sB3sII", 0, b"\0\x02\0", 0xEE, b"\xff\xff\xff", 1, covered)
    return boot_code.ljust(446, b"\0") + entry + bytes(48) + b"\x55\xaa"
