"""What an image is made of: a signed list of its ranges and what it is for. Pure values.

The manifest of `callisto-1.4.0.img` is `callisto-1.4.0.img.json`, its signature that name with `.p7s` (CMS,
DER, detached). What no range covers is zero. A new field that an old program may overlook keeps `format`; any
other raises it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1
PRODUCT = "callisto-appliance"
LARGEST = 16 << 20
"""Bytes of a manifest: nothing larger is read."""
LARGEST_RANGE = 4 << 20
BLOCK = 4096
"""Ranges begin and end at multiples of it, so that a device can be written and read past the page cache."""

SUFFIX = ".json"
SIGNATURE_SUFFIX = ".p7s"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]{0,99}")


class ManifestError(ValueError):
    """No manifest of ours; the text says what is wrong with it."""


class NewerManifestError(ManifestError):
    """It is of a format that comes after ours."""


@dataclass(frozen=True, slots=True)
class Range:
    """`size` bytes from `at` on, with this SHA-256 in hexadecimal digits."""

    at: int
    size: int
    sha256: str

    @property
    def end(self) -> int:
        return self.at + self.size


@dataclass(frozen=True, slots=True)
class Slot:
    """The file system that both slots of a fresh image begin with."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`compatible`: the machines it runs on, as the updates name them. `kernel`, `engine`: their versions,
    for people. `ranges` are in order, apart, and within `size`, the bytes of the image. `made_at`: ISO 8601,
    UTC."""

    version: str
    compatible: str
    made_at: str
    image: str
    size: int
    slot: Slot
    ranges: tuple[Range, ...]
    kernel: str = ""
    engine: str = ""
    product: str = PRODUCT
    format: int = FORMAT

    @property
    def mapped(self) -> int:
        """Bytes that have to be written."""
        return sum(one.size for one in self.ranges)


def to_json(manifest: Manifest) -> bytes:
    """The same manifest is the same bytes. Raises ManifestError for one that could not be read again."""
    _check(manifest)
    return json.dumps(asdict(manifest), indent=1, sort_keys=True).encode() + b"\n"


def of_json(raw: bytes) -> Manifest:
    """Raises ManifestError, its subclass for a newer format."""
    if len(raw) > LARGEST:
        raise ManifestError(f"it has {len(raw)} bytes; no manifest has more than {LARGEST}")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise ManifestError(f"it is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise ManifestError("it is no JSON object")
    if found.get("product") != PRODUCT:
        raise ManifestError(f"it is of {str(found.get('product'))[:60]!r}, not of {PRODUCT}")
    form = _number(found, "format")
    if form > FORMAT:
        raise NewerManifestError(
            f"its format is {form}, the newest known here is {FORMAT}; use the program of its release"
        )
    manifest = Manifest(
        version=_text(found, "version"),
        compatible=_text(found, "compatible"),
        made_at=_text(found, "made_at"),
        image=_text(found, "image"),
        size=_number(found, "size"),
        slot=_slot(found.get("slot")),
        ranges=tuple(map(_range, _list(found, "ranges"))),
        kernel=_text(found, "kernel", default=""),
        engine=_text(found, "engine", default=""),
        format=form,
    )
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    if not _NAME.fullmatch(manifest.image):
        raise ManifestError(f"the image's name {manifest.image[:40]!r} is no plain file name")
    for name in ("version", "compatible"):
        if not _WORD.fullmatch(getattr(manifest, name)):
            raise ManifestError(f"{name} {getattr(manifest, name)[:40]!r} is not one word")
    if manifest.format < 1:
        raise ManifestError(f"there is no format {manifest.format}")
    if not _SHA256.fullmatch(manifest.slot.sha256) or manifest.slot.size <= 0:
        raise ManifestError("its slot is no file system")
    if not manifest.ranges or manifest.size % BLOCK:
        raise ManifestError(f"an image has ranges, and a size in blocks of {BLOCK} bytes")
    end = 0
    for one in manifest.ranges:
        if one.at < end or one.end > manifest.size:
            raise ManifestError(f"the range at byte {one.at} is not in order, or not within the image")
        if one.at % BLOCK or one.size % BLOCK or not 0 < one.size <= LARGEST_RANGE:
            raise ManifestError(f"the range at byte {one.at} is not of whole blocks of {BLOCK} bytes")
        if not _SHA256.fullmatch(one.sha256):
            raise ManifestError(f"the range at byte {one.at} has no SHA-256")
        end = one.end


def _slot(found: object) -> Slot:
    if not isinstance(found, dict):
        raise ManifestError("slot is missing")
    return Slot(_number(found, "size"), _text(found, "sha256"))


def _range(found: object) -> Range:
    if not isinstance(found, dict):
        raise ManifestError("a range is no JSON object")
    return Range(_number(found, "at"), _number(found, "size"), _text(found, "sha256"))


def _number(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or value < 0:
        raise ManifestError(f"{name} is {str(value)[:40]!r}, not a whole number")
    return value


def _text(found: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = found.get(name, default)
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise ManifestError(f"{name} is {str(value)[:40]!r}, not a line of text")
    return value


def _list(found: Mapping[str, Any], name: str) -> list[object]:
    value = found.get(name)
    if not isinstance(value, list):
        raise ManifestError(f"{name} is missing")
    return value
