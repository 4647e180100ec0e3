"""A tree of hashes as dm-verity has it: of blocks of 4096 bytes, SHA-256, salt first, no superblock.

It lies behind the payload, its uppermost level first; the root, which is signed, is the hash of its first
block. Nothing of the kernel is needed to check it, or to make one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from firmware.update.errors import BundleError

BLOCK = 4096
HASH = 32
PER_BLOCK = BLOCK // HASH
READ = 64 * BLOCK
"""Bytes at once: as fast as the page cache gives them, and little to wait for."""
LONGEST_SALT = 256

Tell = Callable[[int, int], None]
"""Bytes that were checked, and of how many."""


def _silent(_done: int, _of: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Verity:
    """`size`: bytes of the tree."""

    root: bytes
    salt: bytes
    size: int


def levels(payload: int) -> tuple[int, ...]:
    """Blocks of each level of the tree over so many bytes, the uppermost first. None for a single block,
    whose hash is the root."""
    found = []
    blocks = -(-payload // BLOCK)
    while blocks > 1:
        blocks = -(-blocks // PER_BLOCK)
        found.append(blocks)
    return tuple(reversed(found))


def tree_size(payload: int) -> int:
    return sum(levels(payload)) * BLOCK


def check(file: BinaryIO, payload: int, verity: Verity, tell: Tell = _silent) -> None:
    """Every byte of `payload` and of the tree behind it. `file` is unbuffered, or at its beginning. Raises
    BundleError at the first that is not what was signed."""
    file.seek(payload)
    tree = memoryview(file.read(verity.size))
    if len(tree) != verity.size or verity.size != tree_size(payload):
        raise BundleError("it is not as long as it has to be", CAUSE)
    lowest = _checked_tree(tree, levels(payload), verity)
    file.seek(0)
    salted = hashlib.sha256(verity.salt)
    buffer = memoryview(bytearray(READ))
    done = 0
    while done < payload:
        part = buffer[: min(READ, payload - done)]
        if _fill(file, part) != len(part):
            raise BundleError(f"it ends after {done} bytes, while it was read", CAUSE)
        found = _hashes(part, salted)
        at = done // BLOCK * HASH
        if found != lowest[at : at + len(found)]:
            raise BundleError(f"what it has from byte {done} on is not what was signed", CAUSE)
        done += len(part)
        tell(done, payload)


def made(file: BinaryIO, payload: int, salt: bytes) -> tuple[Verity, bytes]:
    """The tree over what `file` begins with, `payload` bytes in whole blocks."""
    if payload <= 0 or payload % BLOCK:
        raise ValueError(f"{payload} bytes are not whole blocks of {BLOCK}")
    salted = hashlib.sha256(salt)
    file.seek(0)
    parts, left = [], payload
    while left:
        content = file.read(min(READ, left))
        if not content:
            raise ValueError(f"there are not {payload} bytes")
        if len(content) % BLOCK and len(content) != left:
            content += file.read(BLOCK - len(content) % BLOCK)
        parts.append(_hashes(memoryview(content), salted))
        left -= len(content)
    hashes = b"".join(parts)
    found: list[bytes] = []
    while len(hashes) > HASH:
        level = hashes + bytes(-len(hashes) % BLOCK)
        found.insert(0, level)
        hashes = _hashes(memoryview(level), salted)
    tree = b"".join(found)
    return Verity(hashes, salt, len(tree)), tree


CAUSE = "it was damaged on its way, or changed: get it again"


def _checked_tree(tree: memoryview, sizes: tuple[int, ...], verity: Verity) -> bytes:
    """The hashes of the payload's blocks, with what fills their last block."""
    salted = hashlib.sha256(verity.salt)
    above = verity.root
    at = 0
    for blocks in sizes:
        level = tree[at : at + blocks * BLOCK]
        if _hashes(level, salted) != above[: blocks * HASH]:
            raise BundleError("its hashes are not what was signed", CAUSE)
        above = bytes(level)
        at += blocks * BLOCK
    return above


def _hashes(content: memoryview, salted: hashlib._Hash) -> bytes:
    """Of each block, one behind the other."""
    fresh = salted.copy
    found = []
    for at in range(0, len(content), BLOCK):
        one = fresh()
        one.update(content[at : at + BLOCK])
        found.append(one.digest())
    return b"".join(found)


def _fill(file: BinaryIO, part: memoryview) -> int:
    """How much of `part` was read; less only at the end of the file."""
    done = 0
    while done < len(part):
        count = file.readinto(part[done:])  # type: ignore[attr-defined]
        if not count:
            break
        done += count
    return done
