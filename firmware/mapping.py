"""Which parts of an image hold anything: read once, from first to last byte."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from firmware.manifest import BLOCK, LARGEST_RANGE, Range

GRAIN = 64 << 10
"""Smaller holes are written as they are: a range costs more than the zeros."""


def ranges(image: Path, tell: Callable[[int], None] = lambda _done: None) -> tuple[Range, ...]:
    """Each range of `image`, whose size is a multiple of BLOCK, that is not zero, whatever holes its file
    has: the same bytes give the same ranges. `tell` gets the bytes read so far. Raises OSError, and
    ValueError for another size."""
    size = image.stat().st_size
    if size % BLOCK:
        raise ValueError(f"{image} has {size} bytes, no multiple of {BLOCK}")
    with image.open("rb", buffering=0) as file:
        return tuple(_ranges(file, tell))


def _ranges(file: BinaryIO, tell: Callable[[int], None]) -> Iterator[Range]:
    zeros = bytes(GRAIN)
    at = 0
    while chunk := _read(file, LARGEST_RANGE):
        begin: int | None = None
        for offset in range(0, len(chunk), GRAIN):
            part = chunk[offset : offset + GRAIN]
            if part != zeros[: len(part)]:
                begin = offset if begin is None else begin
            elif begin is not None:
                yield _range(at + begin, chunk[begin:offset])
                begin = None
        if begin is not None:
            yield _range(at + begin, chunk[begin:])
        at += len(chunk)
        tell(at)


def _range(at: int, data: bytes) -> Range:
    return Range(at, len(data), hashlib.sha256(data).hexdigest())


def _read(file: BinaryIO, size: int) -> bytes:
    """That much, or what there is."""
    parts: list[bytes] = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
