"""What an archive says of itself, and what of that is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import tables
from db.backup import kinds, names
from db.backup.errors import ArchiveError, ForeignArchiveError, NewerVersionError
from db.backup.manifest import FILES, FORMAT, PRODUCT, STORE, Entry, Manifest, is_member, of_json, to_json
from db.backup.placed import LONGEST_LINE, LONGEST_PATH, Placed, is_safe, of_line, to_line

HASH = "ab" * 32
WELCOME = Placed("state", "announcements/Grüezi.wav", "media", HASH, 10)
MADE = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
MANIFEST = Manifest(
    FORMAT, PRODUCT, "0.1.0", MADE, "0004", "sqlite", {"users": 3},
    (Entry(STORE, 4096, "cd" * 32), Entry(FILES, 100, HASH)), 2, 1, 10, ("media/broken",),
)  # fmt: skip


def test_it_is_read_as_it_was_written() -> None:
    assert of_json(to_json(MANIFEST)) == MANIFEST
    assert MANIFEST.size == 4206


def test_a_later_format_is_refused_by_the_version_that_wrote_it() -> None:
    later = replace(MANIFEST, format=FORMAT + 1, version="9.9")
    with pytest.raises(NewerVersionError, match=r"newer version \(9.9\)"):
        of_json(to_json(later))


def altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    found = json.loads(to_json(MANIFEST))
    change(found)
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(product="another"),
        lambda found: found.update(format="1"),
        lambda found: found.update(format=0),
        lambda found: found.update(made_at="2026-11-23T01:02:03"),
        lambda found: found.update(made_at="yesterday"),
        lambda found: found.update(rows={"users": -1}),
        lambda found: found.update(rows=[1]),
        lambda found: found.pop("schema"),
        lambda found: found.update(entries=[]),
        lambda found: found["entries"].append(found["entries"][0]),
        lambda found: found["entries"].pop(),
        lambda found: found["entries"][0].update(name="../store.db"),
        lambda found: found["entries"][0].update(sha256="no hash"),
        lambda found: found["entries"][0].update(size=True),
        lambda found: found.update(files=-1),
        lambda found: found.update(media="1"),
        lambda found: found.update(media_size=1.5),
        lambda found: found.update(damaged=[1]),
    ],
)
def test_what_is_none_of_ours_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ForeignArchiveError):
        of_json(altered(change))


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    with pytest.raises(ArchiveError):
        of_json(raw)


def test_a_file_is_read_as_it_was_written() -> None:
    assert to_line(WELCOME).count(b"\n") == 1
    assert of_line(to_line(WELCOME)) == WELCOME
    assert WELCOME.entry == f"media/{HASH}"
    longest = Placed("state", "ü" * LONGEST_PATH, "settings", HASH, 1 << 60)
    assert len(to_line(longest)) < LONGEST_LINE


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../etc/passwd"}, {"path": "/etc/passwd"}, {"path": 1}, {"root": "machine"}, {"root": []},
        {"kind": "everything"}, {"sha256": "ab"}, {"sha256": 1}, {"size": -1}, {"size": True}, {"size": None},
    ],
)  # fmt: skip
def test_a_file_that_would_be_elsewhere_is_refused(change: dict[str, object]) -> None:
    line = json.dumps({**json.loads(to_line(WELCOME)), **change}).encode()
    with pytest.raises(ForeignArchiveError):
        of_line(line)


@given(st.binary(max_size=200))
def test_no_line_does_more_than_be_refused(line: bytes) -> None:
    with pytest.raises(ForeignArchiveError):
        of_line(line)


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a//b", "./a", "a/", "c:a", "a\\b", "a\0b", "a\nb", "x" * 256]
)
def test_a_path_that_could_lead_elsewhere_is_not_safe(path: str) -> None:
    assert not is_safe(path)


def test_names_of_members_tell_nothing() -> None:
    assert is_member(STORE)
    assert is_member(f"media/{HASH}")
    for name in ("store.db2", "media/", "media/welcome.wav", f"MEDIA/{HASH}", f"media/{HASH}\n"):
        assert not is_member(name)


def test_each_table_belongs_to_exactly_one_kind() -> None:
    listed = [name for tables_of in kinds.KINDS.values() for name in tables_of] + [*kinds.BOOKKEEPING]
    assert sorted(listed) == sorted(tables.metadata.tables)
    assert kinds.kind_of("vip_entry") == "groups"
    assert kinds.kind_of("revision") is None


def test_tables_of_a_kind_come_after_those_they_refer_to() -> None:
    for listed in kinds.KINDS.values():
        for place, name in enumerate(listed):
            needed = {key.column.table.name for key in tables.metadata.tables[name].foreign_keys} - {name}
            assert needed & set(listed) <= set(listed[:place])


@given(st.text(max_size=80))
def test_the_name_of_a_backup_tells_its_time_whatever_the_machine_is_called(host: str) -> None:
    name = names.name_of(host, MADE)
    assert names.made_at_of(name) == MADE
    assert name.isascii()
    assert names.host_of(name)


@pytest.mark.parametrize(
    "name",
    [
        "office.zip",
        "callisto-a-20261323-000000Z.zip",
        "callisto-a-20261123-010203Z.zip.part",
        "callisto-a.zip",
    ],
)
def test_a_name_of_somebody_else_is_none_of_ours(name: str) -> None:
    assert names.made_at_of(name) is None
    assert names.name_of("office.example.com", MADE) == "callisto-office-20261123-010203Z.zip"
