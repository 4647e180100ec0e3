"""Archives whose headers were tampered with: each is refused in words, or comes out exactly as it was."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.backup import errors
from db.backup.manifest import FILES, MANIFEST, STORE, Manifest
from db.backup.reading import unpack
from tests.db.backup import house
from tests.db.restore.test_archives import archive, first, refused, state

__all__ = ["archive", "first", "state"]  # fixtures

LOCAL, DIRECTORY = b"PK\x03\x04", b"PK\x01\x02"
AUTHENTICATION = 10
"""Bytes at the end of an encrypted member (winzip.com, AE-2)."""


@pytest.fixture(scope="module")
def encrypted(first: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return house.archive(first, tmp_path_factory.mktemp("encrypted"), house.PASSWORD)


def headers(raw: bytes) -> Iterator[range]:
    """Where the headers of members are, at their places and in the directory, and the end of it all."""
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        members, directory = file.infolist(), file.start_dir
    for each in members:
        name, extra = struct.unpack_from("<HH", raw, each.header_offset + 26)
        yield range(each.header_offset, each.header_offset + 30 + name + extra)
    yield range(directory, len(raw))


def contents(raw: bytes, into: Path, password: str) -> tuple[Manifest, dict[str, str]]:
    into.mkdir()
    try:
        manifest = unpack(house.pieces(raw), into, password, 1 << 30)
        files = (each for each in into.rglob("*") if each.is_file())
        return manifest, {
            str(each.relative_to(into)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files
        }
    finally:
        shutil.rmtree(into)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("password", ["", house.PASSWORD], ids=["plain", "encrypted"])
def test_a_flipped_header_is_refused_in_words_or_changes_nothing(
    archive: bytes, encrypted: bytes, tmp_path: Path, *, seed: int, password: str
) -> None:
    raw = encrypted if password else archive
    good = contents(raw, tmp_path / "good", password)
    dice = random.Random(seed)
    places = [at for each in headers(raw) for at in each]
    said = set()
    for number in range(60):
        spoilt = bytearray(raw)
        for _ in range(dice.choice((1, 1, 1, 4))):
            spoilt[dice.choice(places)] ^= 1 << dice.randrange(8)
        try:
            assert contents(bytes(spoilt), tmp_path / str(number), password) == good
        except errors.ArchiveError as exc:
            said.add((exc.message, exc.hint))
    assert said
    assert all(message and hint for message, hint in said)


@pytest.mark.parametrize(
    ("at", "lie", "kind"),
    [
        (8, b"\x0c\0", errors.ForeignArchiveError),  # packed by bzip2
        (8, b"\x09\0", errors.ForeignArchiveError),  # deflate64
        (6, b"\x01\x08", errors.ArchiveError),  # encrypted, but it is not
        (26, b"\x60\xea", errors.ArchiveError),  # a name that is longer than all
        (28, b"\x60\xea", errors.ForeignArchiveError),  # extra fields of 60 KB
        (0, bytes(4), errors.ArchiveError),  # no header where one should be
    ],
)
def test_a_header_that_lies_is_refused(
    state: Path, archive: bytes, at: int, lie: bytes, kind: type[errors.ArchiveError]
) -> None:
    """The header of the list of files, which comes after the store."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        begins = file.getinfo(FILES).header_offset + at
    assert isinstance(refused(state, archive[:begins] + lie + archive[begins + len(lie) :]), kind)


@pytest.mark.parametrize("name", [STORE, FILES, MANIFEST])
@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR], ids=["link", "folder", "device"])
def test_a_link_is_refused_as_what_it_is(state: Path, archive: bytes, name: str, mode: int) -> None:
    spoilt = bytearray(archive)
    at = archive.rfind(name.encode()) - 46
    assert archive[at : at + 4] == DIRECTORY
    spoilt[at + 38 : at + 42] = ((mode | 0o777) << 16).to_bytes(4, "little")
    found = refused(state, bytes(spoilt))
    assert isinstance(found, errors.NoFileError)
    assert name in found.message
    assert "link" in found.message


def test_a_link_that_leads_out_is_neither_made_nor_followed(
    state: Path, archive: bytes, tmp_path: Path
) -> None:
    """As `ln -s` and `zip -y` make it: its contents are where it leads to."""
    outside = tmp_path / "outside"
    outside.write_text("as it was")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, zipfile.ZipFile(io.BytesIO(archive)) as given:
        for each in given.infolist():
            if each.filename != STORE:
                file.writestr(each.filename, given.read(each))
                continue
            link = zipfile.ZipInfo(STORE)
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            file.writestr(link, str(outside))
    assert isinstance(refused(state, out.getvalue()), (errors.NoFileError, errors.AlteredError))
    assert outside.read_text() == "as it was"


@pytest.mark.parametrize("left", [0, 1, 5, AUTHENTICATION - 1])
@pytest.mark.parametrize("name", [STORE, MANIFEST])
def test_one_that_ends_within_an_authentication_code_is_not_complete(
    state: Path, encrypted: bytes, name: str, left: int
) -> None:
    cut = encrypted[: _authentication(encrypted, name) + left]
    assert isinstance(refused(state, cut, house.PASSWORD), errors.TruncatedError)


@pytest.mark.parametrize("name", [STORE, MANIFEST])
def test_an_authentication_code_that_is_not_right_is_damage(state: Path, encrypted: bytes, name: str) -> None:
    spoilt = bytearray(encrypted)
    spoilt[_authentication(encrypted, name) + 3] ^= 1
    assert isinstance(refused(state, bytes(spoilt), house.PASSWORD), errors.AlteredError)


def _authentication(raw: bytes, name: str) -> int:
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        found = file.getinfo(name)
    sizes = struct.unpack_from("<HH", raw, found.header_offset + 26)
    return found.header_offset + 30 + sum(sizes) + found.compress_size - AUTHENTICATION
