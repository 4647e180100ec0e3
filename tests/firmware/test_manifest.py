"""Manifests: read as they were written, and refused when they are not ours."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.manifest import (
    BLOCK,
    LARGEST_RANGE,
    Manifest,
    ManifestError,
    NewerManifestError,
    Range,
    Slot,
    of_json,
    to_json,
)
from firmware.mapping import GRAIN, ranges

HASH = "a" * 64
GOOD = Manifest(
    version="1.4.0",
    compatible="callisto-x86_64",
    made_at="2026-11-23T00:00:00Z",
    image="callisto-1.4.0.img",
    size=64 << 20,
    slot=Slot(8 << 20, HASH),
    ranges=(Range(0, BLOCK, HASH), Range(1 << 20, LARGEST_RANGE, HASH)),
    kernel="6.1.0-40-amd64",
)


def changed(**fields: Any) -> bytes:
    found = json.loads(to_json(GOOD))
    return json.dumps({**found, **fields}).encode()


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert of_json(to_json(GOOD)) == GOOD
    assert to_json(of_json(to_json(GOOD))) == to_json(GOOD)
    assert GOOD.mapped == BLOCK + LARGEST_RANGE


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "not JSON"),
        (changed(product="another"), "it is of 'another'"),
        (changed(format=0), "no format 0"),
        (changed(format="1"), "format is '1'"),
        (changed(size=True), "size is 'True'"),
        (changed(size=-1), "size is '-1'"),
        (changed(size=4097), "blocks of 4096"),
        (changed(size=BLOCK), "not within the image"),
        (changed(image="../x.img"), "no plain file name"),
        (changed(version="1 2"), "not one word"),
        (changed(kernel="a\nb"), "not a line of text"),
        (changed(ranges=None), "ranges is missing"),
        (changed(ranges=[]), "an image has ranges"),
        (changed(ranges=[1]), "no JSON object"),
        (changed(ranges=[{"at": 1, "size": BLOCK, "sha256": HASH}]), "whole blocks"),
        (changed(ranges=[{"at": 0, "size": 0, "sha256": HASH}]), "whole blocks"),
        (changed(ranges=[{"at": 0, "size": LARGEST_RANGE + BLOCK, "sha256": HASH}]), "whole blocks"),
        (changed(ranges=[{"at": 0, "size": BLOCK, "sha256": HASH.upper()}]), "no SHA-256"),
        (changed(ranges=[{"at": 0, "size": BLOCK, "sha256": HASH}] * 2), "not in order"),
        (changed(slot=None), "slot is missing"),
        (changed(slot={"size": 0, "sha256": HASH}), "no file system"),
    ],
)
def test_what_is_no_manifest_of_ours_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(ManifestError, match=why):
        of_json(raw)


def test_one_of_a_later_format_says_what_to_use() -> None:
    with pytest.raises(NewerManifestError, match="use the program of its release"):
        of_json(changed(format=2))


def test_a_field_that_is_not_known_is_overlooked() -> None:
    assert of_json(changed(outage_s=24)) == GOOD


def test_nothing_is_written_that_could_not_be_read() -> None:
    with pytest.raises(ManifestError):
        to_json(replace(GOOD, size=1))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_manifest_or_refused(raw: bytes) -> None:
    with pytest.raises(ManifestError):
        of_json(raw)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 9 << 20), st.binary(min_size=1, max_size=9000)), max_size=5))
def test_the_ranges_and_zeros_make_up_the_image(
    tmp_path_factory: Any, writes: list[tuple[int, bytes]]
) -> None:
    image: Path = tmp_path_factory.mktemp("image") / "x.img"
    content = bytearray(10 << 20)
    for at, data in writes:
        content[at : at + len(data)] = data
    content = content[: 10 << 20]
    image.write_bytes(content)
    told: list[int] = []
    found = ranges(image, told.append)
    rest = bytearray(content)
    for one in found:
        assert one.at % GRAIN == 0
        assert one.size <= LARGEST_RANGE
        assert hashlib.sha256(content[one.at : one.end]).hexdigest() == one.sha256
        rest[one.at : one.end] = bytes(one.size)
    assert not any(rest)
    assert told[-1] == len(content)


def test_an_image_of_no_whole_blocks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.img").write_bytes(b"x" * 5000)
    with pytest.raises(ValueError, match="no multiple of 4096"):
        ranges(tmp_path / "x.img")
