"""Flashing, on files: what is on the medium afterwards, and what is not when something went wrong."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import uuid
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from firmware import gpt
from firmware.flashing import FlashError, Progress, flash
from firmware.layout import HEAD, Extent, minus, zeros
from firmware.manifest import Manifest
from firmware.medium import Medium, MediumError
from firmware.source import Source
from firmware.verify import verify
from tests import needs
from tests.firmware import images
from tests.firmware.images import MIB, SIZE

LARGER = 16 * MIB + 512


def quiet(_: Progress) -> None:
    pass


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return images.make(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def manifest(image: Path) -> Manifest:
    return images.manifest(image)


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A medium that is larger than the image, and full of what was there before."""
    path = tmp_path / "medium"
    path.write_bytes(b"\xa5" * LARGER)
    return path


def written(image: Path, manifest: Manifest, target: Path) -> None:
    with image.open("rb") as source, Medium(target) as medium:
        flash(source, manifest, medium, quiet)


def test_every_partition_is_on_the_medium_as_it_is_in_the_image(
    image: Path, manifest: Manifest, used: Path
) -> None:
    written(image, manifest, used)
    raw, source = used.read_bytes(), image.read_bytes()
    for part in images.table().partitions:
        size = images.SLOT if part.name == "rootfs-a" else 0 if part.name == "rootfs-b" else part.size
        assert raw[part.start : part.start + size] == source[part.start : part.start + size], part.name
    assert raw.startswith(b"boot code")


def test_the_table_is_of_this_medium_and_of_no_other(image: Path, manifest: Manifest, used: Path) -> None:
    written(image, manifest, used)
    raw = used.read_bytes()
    own, other = gpt.read(raw[:HEAD]), images.table()
    assert own.sectors == LARGER // 512
    assert raw[-len(own.backup()) :] == own.backup()
    assert [(one.name, one.first, one.last) for one in own.partitions] == [
        (one.name, one.first, one.last) for one in other.partitions
    ]
    guids = {own.guid, *(one.guid for one in own.partitions)}
    assert len(guids) == 6
    assert not guids & {other.guid, *(one.guid for one in other.partitions)}


def test_sgdisk_finds_nothing_wrong(image: Path, manifest: Manifest, used: Path) -> None:
    program = needs.program("sgdisk", "gdisk")
    written(image, manifest, used)
    done = subprocess.run((program, "-v", str(used)), capture_output=True, text=True, check=True)
    assert "No problems found" in done.stdout


def test_what_was_on_the_medium_before_is_not_found_again(
    image: Path, manifest: Manifest, used: Path
) -> None:
    written(image, manifest, used)
    raw = used.read_bytes()
    assert b"\xa5" * 16 not in raw[HEAD:MIB]
    assert b"\xa5" * 16 not in raw[-MIB:]
    other = images.table().named("rootfs-b")
    assert b"\xa5" * 16 not in raw[other.start : other.start + MIB]


class Stream(io.BytesIO):
    """A pipe, which gives what it has."""

    def seekable(self) -> bool:
        return False

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 70_001))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:70_001])


def test_a_stream_that_cannot_seek_is_as_good(image: Path, manifest: Manifest, used: Path) -> None:
    with Medium(used) as medium:
        flash(Stream(image.read_bytes()), manifest, medium, quiet)
        assert verify(medium, manifest, quiet).good


def test_an_empty_file_becomes_as_long_as_the_image(image: Path, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with image.open("rb") as source, Medium(tmp_path / "new", manifest.size) as medium:
        flash(source, manifest, medium, quiet)
    assert (tmp_path / "new").stat().st_size == SIZE


def test_progress_tells_what_is_done_of_how_much(image: Path, manifest: Manifest, used: Path) -> None:
    told: list[Progress] = []
    with image.open("rb") as source, Medium(used) as medium:
        flash(source, manifest, medium, told.append)
    assert list(dict.fromkeys(one.doing for one in told)) == ["erasing", "writing", "reading back"]
    for doing in ("erasing", "writing", "reading back"):
        last = [one for one in told if one.doing == doing][-1]
        assert last.done == last.of > 0
    assert Progress("writing", 10, 40, 5.0).left_s == 15.0
    assert Progress("writing", 0, 40, 0.0).left_s is None


def unbootable(path: Path) -> bool:
    with pytest.raises(gpt.TableError):
        gpt.read(path.read_bytes()[:HEAD])
    return True


@pytest.mark.parametrize("at", [4 * MIB + 5, 8 * MIB + 100])
def test_an_image_with_a_changed_byte_makes_no_medium_that_boots(
    image: Path, manifest: Manifest, used: Path, tmp_path: Path, at: int
) -> None:
    bad = bytearray(image.read_bytes())
    bad[at] ^= 1
    (tmp_path / "bad").write_bytes(bad)
    with pytest.raises(
        FlashError, match=r"damaged at byte \d+: get it again; no partition table was written"
    ):
        written(tmp_path / "bad", manifest, used)
    assert unbootable(used)


def test_a_pipe_is_as_good(image: Path, manifest: Manifest, used: Path) -> None:
    with subprocess.Popen(("cat", image), stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout
        with Medium(used) as medium:
            flash(cast(BinaryIO, process.stdout), manifest, medium, quiet)
            assert verify(medium, manifest, quiet).good


def test_a_pipe_that_ends_early_makes_no_medium_that_boots(
    image: Path, manifest: Manifest, used: Path
) -> None:
    argv = ("head", "--bytes", str(7 * MIB), image)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, bufsize=0) as process, Medium(used) as medium:
        assert process.stdout
        with pytest.raises(FlashError, match=f"the image ends at byte {7 * MIB}"):
            flash(cast(BinaryIO, process.stdout), manifest, medium, quiet)
    assert unbootable(used)


def test_a_stream_with_a_changed_byte_is_found_out_before_it_is_written(
    image: Path, manifest: Manifest, used: Path
) -> None:
    bad = bytearray(image.read_bytes())
    at = images.table().named("rootfs-a").start
    bad[at] ^= 1
    with Medium(used) as medium, pytest.raises(FlashError, match=f"damaged at byte {at}"):
        flash(Stream(bad), manifest, medium, quiet)
    assert used.read_bytes()[at : at + 4096] not in bad
    assert unbootable(used)


@pytest.mark.parametrize("at", [100, 600, SIZE - 512])
def test_an_image_with_another_table_than_was_signed_is_found_out(
    image: Path, manifest: Manifest, used: Path, tmp_path: Path, at: int
) -> None:
    """It is never written as it is, so nothing of it would be read back."""
    bad = bytearray(image.read_bytes())
    bad[at] ^= 1
    (tmp_path / "bad").write_bytes(bad)
    with pytest.raises(FlashError, match=r"damaged at byte \d+: get it again"):
        written(tmp_path / "bad", manifest, used)
    assert unbootable(used)


def test_memory_is_used_again(image: Path, manifest: Manifest) -> None:
    with image.open("rb", buffering=0) as file:
        source = Source(cast(BinaryIO, file), manifest)
        source.head()
        rooms = set()
        for piece in source.pieces():
            assert hashlib.sha256(piece.data).hexdigest() == piece.range.sha256
            rooms.add(id(piece.room))
            source.give_back(piece)
    assert len(manifest.ranges) > len(rooms) == 1


def test_a_truncated_image_makes_no_medium_that_boots(
    image: Path, manifest: Manifest, used: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad").write_bytes(image.read_bytes()[: 5 * MIB - 512])
    with pytest.raises(FlashError, match="the image ends at byte"):
        written(tmp_path / "bad", manifest, used)
    assert unbootable(used)


def test_a_medium_that_forgets_is_found_out(
    image: Path, manifest: Manifest, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(medium: Medium, at: int, data: bytes | memoryview) -> None:
        if at == images.table().named("rootfs-a").start:
            data = bytes(data[:777]) + b"\0\1\2" + bytes(data[780:])
        write(medium, at, data)

    write = Medium.write
    monkeypatch.setattr(Medium, "write", forgetful)
    with pytest.raises(FlashError, match=r"1 of .* ranges read back differently, .* the medium is faulty"):
        written(image, manifest, used)
    assert unbootable(used)


def test_a_medium_that_refuses_a_write_is_told_at_once(
    image: Path, manifest: Manifest, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(medium: Medium, at: int, data: bytes | memoryview) -> None:
        if at == images.table().named("rootfs-a").start:
            raise MediumError("it cannot be written: worn out")
        write(medium, at, data)

    write = Medium.write
    monkeypatch.setattr(Medium, "write", full)
    with pytest.raises(MediumError, match="worn out"):
        written(image, manifest, used)
    assert unbootable(used)


@pytest.mark.parametrize(
    ("at", "size"), [(0, 512), (512, 33 * 512), (4096 * 3 + 512, 9 << 20), (LARGER - 512, 512)]
)
def test_what_is_read_past_the_cache_is_what_is_there(tmp_path: Path, at: int, size: int) -> None:
    data = random.Random(7).randbytes(LARGER)
    (tmp_path / "medium").write_bytes(data)
    with Medium(tmp_path / "medium", read_only=True) as medium:
        assert medium.read(at, size) == data[at : at + size]
        assert medium.sha256(at, size) == hashlib.sha256(data[at : at + size]).hexdigest()


def test_a_medium_whose_first_sectors_are_bad_is_found_out(
    image: Path, manifest: Manifest, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(medium: Medium, at: int, data: bytes | memoryview) -> None:
        write(medium, at, bytes(len(data)) if at == 0 and data[510:512] == b"\x55\xaa" else data)

    write = Medium.write
    monkeypatch.setattr(Medium, "write", bad)
    with pytest.raises(FlashError, match="table read back differently"):
        written(image, manifest, used)
    assert unbootable(used)


def test_whoever_interrupts_it_has_a_medium_that_boots_nothing(
    image: Path, manifest: Manifest, used: Path
) -> None:
    written(image, manifest, used)  # it was a good one before

    def interrupted(progress: Progress) -> None:
        if progress.doing == "writing":
            raise KeyboardInterrupt

    with image.open("rb") as source, Medium(used) as medium, pytest.raises(KeyboardInterrupt):
        flash(source, manifest, medium, interrupted)
    assert unbootable(used)


def test_a_medium_is_had_by_one_alone(used: Path) -> None:
    with Medium(used), pytest.raises(MediumError, match="cannot be had"):
        Medium(used)


def test_verify_tells_which_partition_has_changed(image: Path, manifest: Manifest, used: Path) -> None:
    written(image, manifest, used)
    with Medium(used, read_only=True) as medium:
        verdict = verify(medium, manifest, quiet)
    assert verdict.good
    assert [(part.name, part.wrong) for part in verdict.parts] == [
        ("bios", 0),
        ("esp", 0),
        ("rootfs-a", 0),
        ("data", 0),
    ]
    for name, good in (("data", True), ("esp", True), ("rootfs-a", False)):
        with used.open("r+b") as file:
            file.seek(images.table().named(name).start + 100)
            file.write(b"changed")
        with Medium(used, read_only=True) as medium:
            verdict = verify(medium, manifest, quiet)
        assert verdict.good is good, name
        assert next(part.wrong for part in verdict.parts if part.name == name) == 1


@pytest.mark.parametrize(("at", "why"), [(512, "no GPT"), (600, "header"), (1024, "entries"), (-40, "copy")])
def test_verify_tells_a_damaged_table(image: Path, manifest: Manifest, used: Path, at: int, why: str) -> None:
    written(image, manifest, used)
    raw = bytearray(used.read_bytes())
    raw[at] ^= 0xFF
    used.write_bytes(raw)
    with Medium(used, read_only=True) as medium:
        verdict = verify(medium, manifest, quiet)
    assert not verdict.good
    assert why in verdict.table


def test_zeros_are_what_no_range_covers_and_somebody_reads(manifest: Manifest) -> None:
    wanted = zeros(manifest, images.table(), LARGER)
    esp = images.table().named("esp")
    holes = [one for one in wanted if esp.start <= one.at < esp.start + esp.size]
    assert sum(one.size for one in holes) >= esp.size - 128 * 1024
    for one in wanted:
        assert not any(one.at < each.end and each.at < one.end for each in manifest.ranges)
    assert wanted[-1].end == LARGER


def test_extents_are_taken_away_piece_by_piece() -> None:
    left = minus([Extent(0, 10), Extent(20, 10)], [Extent(2, 2), Extent(8, 14), Extent(29, 9)])
    assert [(one.at, one.end) for one in left] == [(0, 2), (4, 8), (22, 29)]


def test_guids_come_from_where_they_are_told(image: Path, manifest: Manifest, used: Path) -> None:
    numbers = iter(range(100, 200))
    with image.open("rb") as source, Medium(used) as medium:
        flash(source, manifest, medium, quiet, lambda: uuid.UUID(int=next(numbers)))
    own = gpt.read(used.read_bytes()[:HEAD])
    assert {own.guid.int, *(one.guid.int for one in own.partitions)} == set(range(100, 106))
