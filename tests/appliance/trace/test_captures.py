"""The folder of captures: names, limits, room, and files that were not finished."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.trace import captures
from appliance.trace.captures import CHUNK, CUT_OFF, Captures, checked, last_line, line
from shell.trace.choice import EVERYTHING, Choice
from shell.trace_ports import Limits, TraceRefusedError

SMALL = Limits(60, 10_000)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        self.now += 1.5
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "traces"


@pytest.fixture
def room(folder: Path) -> Captures:
    return Captures(folder, "1.2.3", now=Clock(), free=lambda _: 10**12)


def written(room: Captures, *lines: bytes, by: str = "anna", choice: Choice = EVERYTHING) -> str:
    begun = room.begin(by, choice, SMALL, {})
    for one in lines:
        os.write(begun.descriptor, one)
    os.close(begun.descriptor)
    return begun.name


def test_a_capture_is_for_its_owner_alone_and_says_what_it_is(room: Captures, folder: Path) -> None:
    name = written(room, choice=Choice(level="error"))
    path = folder / f"{name}.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    header = json.loads(path.read_text())
    assert header["callisto_trace"] == 1
    assert (header["version"], header["by"], header["limits"]) == (
        "1.2.3",
        "anna",
        {"seconds": 60, "size": 10_000},
    )
    (capture,) = room.all()
    assert (capture.by, capture.choice) == ("anna", Choice(level="error"))


def test_two_in_one_second_have_two_names(folder: Path) -> None:
    room = Captures(folder, now=lambda: NOON, free=lambda _: 10**12)
    assert [written(room)[-6:] for _ in range(3)] == ["0-anna", "anna.2", "anna.3"]


@pytest.mark.parametrize("user", ["../../etc", "a/b", "ä\x00\n", "x" * 400, "", "-rf", "."])
def test_a_user_of_any_name_makes_a_file_in_the_folder(room: Captures, folder: Path, user: str) -> None:
    name = written(room, by=user)
    assert [path.stem for path in folder.iterdir()] == [name]
    assert room.read(name, 0).data


@pytest.mark.parametrize(
    "name",
    ["../secret", "20261124-120000-x/../../secret", "20261124-120000-x\n", "/etc/passwd", "secret", "", "."],
)
def test_a_name_leads_nowhere_else(room: Captures, folder: Path, name: str) -> None:
    written(room)
    (folder.parent / "secret.jsonl").write_text("secret")
    for use in (lambda: room.read(name, 0), lambda: room.delete(name)):
        with pytest.raises(TraceRefusedError, match="no capture"):
            use()
    assert (folder.parent / "secret.jsonl").exists()


def test_a_link_out_of_the_folder_is_not_followed(room: Captures, folder: Path) -> None:
    written(room)
    (folder.parent / "secret").write_text("secret")
    (folder / "20261124-120000-link.jsonl").symlink_to(folder.parent / "secret")
    with pytest.raises(TraceRefusedError):
        room.read("20261124-120000-link", 0)
    assert len(room.all()) == 1


def test_a_finished_capture_tells_its_end(room: Captures) -> None:
    written(room, line(["record"]), last_line(NOON + 60, "its 60 s are over", 1, 2))
    (capture,) = room.all()
    assert capture.ended == datetime.fromtimestamp(NOON + 60, UTC)
    assert (capture.reason, capture.records, capture.lost) == ("its 60 s are over", 1, 2)


@pytest.mark.parametrize("torn", [b"", b'["half a rec', b'{"ended":1,"rea', b"\xff\xfe", b"[" * 5000])
def test_a_capture_without_its_end_was_cut_off(room: Captures, torn: bytes) -> None:
    written(room, line(["record"]), torn)
    (capture,) = room.all()
    assert (capture.reason, capture.records) == (CUT_OFF, None)
    assert capture.ended is not None


def test_one_that_runs_has_not_ended(room: Captures) -> None:
    name = written(room, line(["record"]))
    (capture,) = room.all([name])
    assert (capture.ended, capture.reason) == (None, "")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"[]\n", b'{"started": "x", "choice": 5}\n', b'{"started": 1e300}']
)
def test_a_file_of_somebody_else_is_listed_all_the_same(room: Captures, folder: Path, content: bytes) -> None:
    written(room)
    (folder / "20200101-000000-x.jsonl").write_bytes(content)
    assert len(room.all()) == 2


def test_the_newest_is_first(room: Captures) -> None:
    names = [written(room, by=user) for user in ("anna", "berta", "anna")]
    assert [capture.name for capture in room.all()] == names[::-1]


def test_a_file_is_read_in_parts(room: Captures) -> None:
    content = b"".join(line([number, "x" * 1000]) for number in range(300))
    name = written(room, content)
    parts, offset = [], 0
    while (chunk := room.read(name, offset)).data:
        parts.append(chunk.data)
        offset += len(chunk.data)
        assert len(chunk.data) <= CHUNK
        assert chunk.size >= len(content)
    assert b"".join(parts).endswith(content)


def test_at_most_so_many_are_kept_and_the_oldest_go(folder: Path) -> None:
    room = Captures(folder, most=3, now=Clock(), free=lambda _: 10**12)
    names = []
    for number in range(5):
        names.append(written(room))
        os.utime(folder / f"{names[-1]}.jsonl", (number, number))
    assert [capture.name for capture in room.all()] == names[:1:-1]


def test_their_size_in_all_is_bounded_and_one_that_runs_counts_as_large_as_it_may_become(
    folder: Path,
) -> None:
    room = Captures(folder, most_bytes=35_000, now=Clock(), free=lambda _: 10**12)
    old, new = written(room, b"x" * 9000), written(room, b"x" * 9000)
    os.utime(folder / f"{old}.jsonl", (1, 1))
    running = {new: 20_000}
    third = room.begin("anna", EVERYTHING, SMALL, running)
    os.close(third.descriptor)
    assert [capture.name for capture in room.all()] == [third.name, new]
    with pytest.raises(TraceRefusedError, match="all the room"):
        room.begin("anna", EVERYTHING, SMALL, {**running, third.name: 10_000})


def test_the_disk_must_keep_some_room(folder: Path) -> None:
    free = captures.SPARE + SMALL.size
    room = Captures(folder, free=lambda _: free)
    written(room)
    free -= 1
    with pytest.raises(TraceRefusedError, match="no room"):
        room.begin("anna", EVERYTHING, SMALL, {})
    assert len(room.all()) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceRefusedError, match="no capture can be written"):
        Captures(tmp_path / "file" / "traces").begin("anna", EVERYTHING, SMALL, {})


def test_there_is_nothing_before_the_first(folder: Path) -> None:
    assert Captures(folder).all() == []


@pytest.mark.parametrize(
    "limits", [Limits(0.9), Limits(float("nan")), Limits(14401), Limits(size=9999), Limits(size=200_000_001)]
)
def test_limits_are_bounded(limits: Limits) -> None:
    with pytest.raises(TraceRefusedError):
        checked(limits)
