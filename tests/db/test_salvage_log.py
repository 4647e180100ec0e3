"""What a salvage makes of the write-ahead log beside a store, sound or damaged."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from db.salvage import wal
from db.salvage.mending import one_bit
from db.salvage.wal import checksum
from tests.db import big_store, corrupt
from tests.db.test_salvage import saved

PAGE = 4096


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of which 5 commits are in the log alone."""
    folder = tmp_path_factory.mktemp("log")
    sound = folder / "sound.db"
    big_store.make(sound, 300)
    dice = random.Random(7)

    def change(raw: Any) -> None:
        for part in range(5):
            raw.execute("BEGIN")
            for number in range(1000 + 40 * part, 1040 + 40 * part):
                row = big_store.call(dice, number)
                raw.execute(f"INSERT INTO call VALUES ({', '.join('?' * len(row))})", row)
            raw.execute("UPDATE revision SET number = number + 1")
            raw.execute("COMMIT")

    return corrupt.with_log(sound, folder / "logged.db", change)


@pytest.fixture
def rows(logged: tuple[Path, Path], tmp_path: Path) -> dict[str, set[Any]]:
    """As SQLite reads the store with its log."""
    path = tmp_path / "read.db"
    path.write_bytes(logged[0].read_bytes())
    Path(f"{path}-wal").write_bytes(logged[1].read_bytes())
    return big_store.truth(path)


def test_what_is_only_in_the_log_is_found(logged: tuple[Path, Path], rows: dict[str, set[Any]]) -> None:
    found = saved(*logged)
    assert found.rows == rows
    assert found.report.bad_frames == ()
    assert found.report.log_frames > 20


def test_the_log_is_read_though_the_header_of_the_store_is_gone(
    logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    path = corrupt.damaged(logged[0], tmp_path / "bad.db", corrupt.header, 1)
    assert saved(path, logged[1]).rows == rows


def test_without_the_log_there_is_the_store_as_of_the_last_checkpoint(
    logged: tuple[Path, Path], rows: dict[str, set[Any]]
) -> None:
    found = saved(logged[0]).rows
    assert found == big_store.truth(logged[0])
    assert len(found["call"]) == len(rows["call"]) - 200


@pytest.mark.parametrize("seed", range(12))
def test_one_flipped_bit_in_the_log_makes_no_wrong_row(
    seed: int, logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    bad = corrupt.flipped_log(logged[1], tmp_path / "bad-wal", seed)
    found = saved(logged[0], bad)
    assert not any(found.rows[table] - rows[table] for table in rows)
    assert len(rows["call"] - found.rows["call"]) < 40
    if found.report.mended_pages:
        assert found.rows == rows


def test_a_flipped_bit_that_the_checksum_names_costs_nothing(
    logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    data = bytearray(logged[1].read_bytes())
    for frame in (2, 7, 11):
        start = 32 + frame * (PAGE + 24) + 24
        data[start + 2000 + (0 if data[:4] == b"\x37\x7f\x06\x82" else 3)] ^= 8  # low in its word
    bad = tmp_path / "bad-wal"
    bad.write_bytes(data)
    found = saved(logged[0], bad)
    assert found.report.bad_frames == (3, 8, 12)
    assert found.report.mended_pages > 0
    assert found.rows == rows


def test_a_wrong_frame_does_not_cost_the_frames_behind_it(
    logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    data = bytearray(logged[1].read_bytes())
    start = 32 + 3 * (PAGE + 24) + 24
    data[start + 1000 : start + 1400] = random.Random(1).randbytes(400)
    bad = tmp_path / "bad-wal"
    bad.write_bytes(data)
    found = saved(logged[0], bad)
    assert found.report.bad_frames == (4,)
    assert not any(found.rows[table] - rows[table] for table in rows)
    assert len(rows["call"] - found.rows["call"]) < 40


def test_the_header_of_the_log_may_be_gone(
    logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    bad = tmp_path / "bad-wal"
    bad.write_bytes(bytes(32) + logged[1].read_bytes()[32:])
    found = saved(logged[0], bad).rows
    assert not any(found[table] - rows[table] for table in rows)
    assert len(rows["call"] - found["call"]) < 20


def test_what_was_never_committed_is_not_there(
    logged: tuple[Path, Path], rows: dict[str, set[Any]], tmp_path: Path
) -> None:
    """The log ends within the last transaction, as a power cut leaves it."""
    frame = PAGE + 24
    data = logged[1].read_bytes()
    torn = tmp_path / "torn-wal"
    torn.write_bytes(data[: len(data) - frame - 100])
    found = saved(logged[0], torn).rows
    assert len(found["call"]) == len(rows["call"]) - 40
    assert found["call"] < rows["call"]


def test_frames_of_an_earlier_round_do_not_count(logged: tuple[Path, Path], tmp_path: Path) -> None:
    frame = PAGE + 24
    data = bytearray(logged[1].read_bytes())
    count = (len(data) - 32) // frame
    commits = [at for at in range(count) if data[32 + at * frame + 4 : 32 + at * frame + 8] != bytes(4)]
    for at in range(commits[1] + 1, count):
        data[32 + at * frame + 8] ^= 0xFF
    old = tmp_path / "old-wal"
    old.write_bytes(data)
    assert wal.read(old).frames == commits[1] + 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_checksum_names_a_flipped_bit_low_in_its_word(order: str) -> None:
    dice = random.Random(3)
    body = dice.randbytes(8 + 1024)
    stored = checksum(order, (1, 2), body)
    for _ in range(50):
        byte = dice.randrange(len(body) // 4) * 4 + (1 if order == "<" else 2)
        mask = 1 << dice.randrange(8)
        bad = body[:byte] + bytes([body[byte] ^ mask]) + body[byte + 1 :]
        assert one_bit(order, checksum(order, (1, 2), bad), stored, bad) == (byte, mask)


def test_two_flipped_bits_are_not_mended_into_a_third_state() -> None:
    dice = random.Random(5)
    body = dice.randbytes(8 + 1024)
    stored = checksum("<", (1, 2), body)
    for _ in range(50):
        bad = bytearray(body)
        for word in dice.sample(range(len(body) // 4), 2):
            bad[word * 4 + dice.randrange(2)] ^= 1 << dice.randrange(8)
        assert one_bit("<", checksum("<", (1, 2), bytes(bad)), stored, bytes(bad)) is None


def test_the_checksum_is_the_one_that_sqlite_writes(logged: tuple[Path, Path]) -> None:
    data = logged[1].read_bytes()
    order = "<" if data[:4] == b"\x37\x7f\x06\x82" else ">"
    assert checksum(order, (0, 0), data[:24]) == struct.unpack(">II", data[24:32])


@pytest.mark.parametrize("seed", range(20))
def test_any_damage_to_the_log_raises_nothing(seed: int, logged: tuple[Path, Path], tmp_path: Path) -> None:
    patient = corrupt.Patient(bytearray(logged[1].read_bytes()), random.Random(seed))
    corrupt.noise(patient)
    bad = tmp_path / "bad-wal"
    bad.write_bytes(patient.data)
    saved(logged[0], bad)
