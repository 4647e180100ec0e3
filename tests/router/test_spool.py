"""Call records on their way: whole or not at all, in order, whatever happens to the file."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import spool
from router.spool import Spool, decode_line, encode_line, pending, read_batch

RECORDS: list[dict[str, object]] = [
    {"id": str(number), "text": "Zoë\n\u2028" * number} for number in range(4)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def write(folder: Path, *records: dict[str, object], **options: Any) -> list[Path]:
    writer = Spool(folder, **options)
    for record in records:
        writer.append(record)
    writer.close()
    return [file.path for file in pending(folder)]


def test_records_are_read_back_in_batches(folder: Path) -> None:
    (path,) = write(folder, *RECORDS)
    first = read_batch(path, 0, 3)
    assert list(first.records) == RECORDS[:3]
    rest = read_batch(path, first.next_offset, 3)
    assert (list(rest.records), rest.next_offset, rest.torn) == (RECORDS[3:], path.stat().st_size, False)
    assert read_batch(path, rest.next_offset, 3).records == ()


def test_lines_are_json_that_other_tools_can_read(folder: Path) -> None:
    (path,) = write(folder, *RECORDS)
    assert [json.loads(line)["call"] for line in path.read_text().split("\n") if line] == RECORDS


def test_reader_follows_the_writer(folder: Path) -> None:
    writer = Spool(folder)
    offset, seen = 0, []
    for record in RECORDS:
        writer.append(record)
        (file,) = pending(folder)
        batch = read_batch(file.path, offset, 10)
        offset = batch.next_offset
        seen += batch.records
    assert seen == RECORDS
    writer.close()


def test_file_cut_at_any_byte_gives_the_whole_records_before_the_cut(folder: Path) -> None:
    (path,) = write(folder, *RECORDS)
    whole = path.read_bytes()
    ends = [end + 1 for end, byte in enumerate(whole) if byte == 10]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        batch = read_batch(path, 0, 100)
        complete = sum(end <= length for end in ends)
        assert list(batch.records) == RECORDS[:complete]
        assert batch.torn == (length not in {0, *ends})
        assert batch.next_offset == max([0, *(end for end in ends if end <= length)])
        assert batch.damaged == 0


def test_changed_bytes_cost_their_own_record_and_no_other(folder: Path) -> None:
    (path,) = write(folder, *RECORDS)
    whole = path.read_bytes()
    chance = random.Random(7)
    for _ in range(300):
        place = chance.randrange(len(whole))
        byte = bytes([chance.choice([b for b in range(256) if b != whole[place]])])
        path.write_bytes(whole[:place] + byte + whole[place + 1 :])
        batch = read_batch(path, 0, 100)
        assert len(batch.records) >= len(RECORDS) - 2  # a lost line end costs two
        assert all(record in RECORDS for record in batch.records)
        assert batch.damaged or batch.torn or list(batch.records) == RECORDS


def test_garbage_between_records_is_passed_over_and_counted(folder: Path) -> None:
    (path,) = write(folder, RECORDS[1])
    garbage = b'\x00\xff\n{"crc":"00000000","call":{}}\n[]\n{"crc":"zz","call":1}\n\n'
    path.write_bytes(garbage + encode_line(RECORDS[2]) + garbage)
    batch = read_batch(path, 0, 10)
    assert batch.records == (RECORDS[2],)
    assert batch.damaged == 8
    assert not batch.torn


@given(st.binary())
def test_no_line_makes_the_reader_fail(line: bytes) -> None:
    assert decode_line(line) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_any_record_is_one_line_that_comes_back(record: dict[str, object]) -> None:
    line = encode_line(record)
    assert line.count(b"\n") == 1
    assert decode_line(line[:-1]) == record


def test_half_a_character_from_outside_stops_no_record() -> None:
    assert decode_line(encode_line({"name": "\ud83d"})[:-1]) is not None


# Files.


def test_each_start_begins_a_new_file_and_finishes_the_old(folder: Path) -> None:
    write(folder, RECORDS[0])
    write(folder, RECORDS[1])
    files = pending(folder)
    assert [file.finished for file in files] == [True, False]
    assert [read_batch(file.path, 0, 9).records for file in files] == [(RECORDS[0],), (RECORDS[1],)]


def test_file_that_is_large_enough_is_finished(folder: Path) -> None:
    paths = write(folder, *RECORDS, largest=60)
    assert len(paths) > 1
    assert [record for path in paths for record in read_batch(path, 0, 9).records] == RECORDS


def test_new_file_sorts_last_even_when_the_clock_was_set_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, RECORDS[0])
    monkeypatch.setattr(spool.time, "time_ns", lambda: 5)
    write(folder, RECORDS[1])
    assert read_batch(pending(folder)[-1].path, 0, 9).records == (RECORDS[1],)


def test_other_files_are_none_of_the_spools(folder: Path) -> None:
    write(folder)
    (folder / "calls-1.jsonl.tmp").write_text("x")
    (folder / "notes").mkdir()
    assert len(pending(folder)) == 1
    assert pending(folder / "nowhere") == ()


def test_folder_that_cannot_be_written_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file is in the way")
    with pytest.raises(OSError, match="spool"):
        Spool(tmp_path / "spool")


# Disks and kills.


class Disk:
    """os.write with a disk behind it that fills up."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.write = os.write

    def __call__(self, file: int, data: bytes) -> int:
        if self.room is None:
            return self.write(file, data)
        if self.room == 0:
            raise OSError(28, "No space left on device")
        taken = self.write(file, data[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 1, 20])
def test_records_wait_for_a_full_disk_and_come_later_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk = Disk()
    monkeypatch.setattr(spool.os, "write", disk)
    writer = Spool(folder)
    writer.append(RECORDS[0])
    disk.room = room
    for record in RECORDS[1:3]:
        with pytest.raises(OSError, match=r"disk|space"):
            writer.append(record)
    disk.room = None
    writer.append(RECORDS[3])
    writer.close()
    batch = read_batch(pending(folder)[0].path, 0, 99)
    assert list(batch.records) == RECORDS
    assert batch.damaged == (1 if room else 0)


def test_sync_runs_beside_the_calls_and_at_most_once_in_its_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    monkeypatch.setattr(spool.os, "fdatasync", lambda _file: synced.append(time.monotonic()))
    writer = Spool(folder, sync_every=0.05)
    until = time.monotonic() + 5
    number = 0
    while len(synced) < 4 and time.monotonic() < until:
        writer.append({"id": number})
        number += 1
    writer.close()
    gaps = [after - before for before, after in pairwise(synced)]
    assert len(synced) >= 4
    assert min(gaps[:-1]) >= 0.049


def test_slow_sync_holds_up_no_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[bool] = []

    def sync(_file: int) -> None:
        begun.set()
        ended.append(may_end.wait(10))

    monkeypatch.setattr(spool.os, "fdatasync", sync)
    writer = Spool(folder, sync_every=0.0)
    try:
        writer.append({"id": 0})
        assert begun.wait(10)
        for number in range(1, 50):
            writer.append({"id": number})
        assert not ended
    finally:
        may_end.set()
        writer.close()


def test_disk_that_cannot_sync_stops_no_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(spool.os, "fdatasync", fail)
    (path,) = write(folder, *RECORDS)
    assert list(read_batch(path, 0, 9).records) == RECORDS


WRITER = """
import sys, pathlib
from router.spool import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
for number in range(10**6):
    spool.append({"id": number, "text": "x" * 500})
    print(number, flush=True)
"""


def test_record_survives_a_kill_right_after_append(folder: Path) -> None:
    root = Path(__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert writer.stdout is not None
    try:
        for _ in range(50):
            writer.stdout.readline()
    finally:
        writer.send_signal(signal.SIGKILL)
        told = [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait()
    (file,) = pending(folder)
    batch = read_batch(file.path, 0, 10**6)
    numbers = [record["id"] for record in batch.records]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > max([49, *told[:-1]])
    assert batch.damaged == 0
