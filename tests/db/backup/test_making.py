"""A backup as a file: proven before it has its name, one at a time, and nothing left of one that failed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import NoReturn

import pysqlite3
import pytest

from db.backup import making
from db.backup.errors import BackupError, UnsoundStoreError
from db.backup.folder import LOCK, PART, WORK, kept, pieces, thin
from db.backup.making import Made, make
from db.backup.password import checked
from db.backup.progress import Progress
from db.backup.proof import prove
from db.errors import PasswordRefusedError, StoreError
from tests.db.backup.house import PASSWORD, source, state

NAME = "callisto-a-20261123-010203Z.zip"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return state(tmp_path_factory.mktemp("office"), 200)


def made(office: Path, folder: Path, password: str = "", **more: object) -> Made:
    return make(source(office, folder), folder / NAME, password, **more)  # type: ignore[arg-type]


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.name != LOCK)


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_it_is_there_with_its_name_for_its_owner_only(office: Path, tmp_path: Path, password: str) -> None:
    told: list[Progress] = []
    done = made(office, tmp_path, password, tell=told.append)
    assert left(tmp_path) == [NAME]
    assert done.file.stat().st_mode & 0o777 == 0o600
    raw = done.file.read_bytes()
    assert (done.size, done.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert prove(pieces(done.file), password, tmp_path).manifest == done.manifest
    shares = [each.percent for each in told if each.of]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert {each.doing for each in told} >= {"writes the backup", "reads the backup", "tries to restore it"}


def test_a_second_one_is_told_who_is_at_it(office: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def second(_: Progress) -> None:
        if not refused:
            with pytest.raises(BackupError) as error:
                made(office, tmp_path, who="bea")
            refused.append(error.value.message)

    made(office, tmp_path, tell=second, who="anna since 01:02")
    assert refused == ["a backup is being made already, by anna since 01:02"]
    assert left(tmp_path) == [NAME]


def test_without_room_nothing_is_begun(office: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="MB of room") as error:
        made(office, tmp_path, free=lambda _folder: 1000)
    assert error.value.hint
    assert left(tmp_path) == []


def test_one_that_cannot_be_proven_is_none(
    office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> NoReturn:
        raise UnsoundStoreError("it has holes")

    monkeypatch.setattr(making, "prove", fails)
    with pytest.raises(UnsoundStoreError):
        made(office, tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize("damage", ["missing", "no store", "damaged"])
def test_a_store_that_cannot_be_read_is_said_and_nothing_is_left(tmp_path: Path, damage: str) -> None:
    folder = state(tmp_path / "state" if not (tmp_path / "state").mkdir() else tmp_path, 200)
    store = folder / "callisto.db"
    if damage == "missing":
        store.unlink()
    elif damage == "no store":
        store.write_bytes(b"nothing of the sort" * 500)
    else:
        raw = bytearray(store.read_bytes())
        raw[8 * 4096 : 20 * 4096] = os.urandom(12 * 4096)
        store.write_bytes(raw)
    with pytest.raises(StoreError) as error:
        made(folder, tmp_path / "work")
    assert error.value.hint
    assert left(tmp_path / "work") == []


def test_rows_of_others_come_in_meanwhile_and_the_backup_is_of_one_moment(
    office: Path, tmp_path: Path
) -> None:
    store = pysqlite3.connect(str(office / "callisto.db"), isolation_level=None)
    rows: list[int] = []

    def write(_: Progress) -> None:
        store.execute("INSERT INTO contact (name, rank) VALUES ('x', 1)")
        rows.append(1)

    (before,) = store.execute("SELECT count(*) FROM contact").fetchone()
    done = made(office, tmp_path, tell=write)
    store.close()
    assert len(rows) > 3
    assert before <= done.manifest.rows["contact"] <= before + 2


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    names = [f"callisto-a-202611{day:02}-010203Z.zip" for day in (3, 1, 2, 4)]
    for name in (*names, "mine.zip", names[0] + PART):
        (tmp_path / name).touch()
    assert [each.name for each in kept(tmp_path)] == sorted(names, reverse=True)
    assert thin(tmp_path, 2) == (sorted(names)[1], sorted(names)[0])
    assert thin(tmp_path, 0) == (sorted(names)[2],)
    assert left(tmp_path) == sorted([sorted(names)[3], "mine.zip", names[0] + PART])
    assert kept(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("password", ["short", "tab\tand more", "ü" * 50, "nul\0nul\0nul"])
def test_a_password_that_would_not_do_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefusedError) as error:
        checked(password)
    assert error.value.hint
    assert password not in str(error.value)


def test_passwords_that_do() -> None:
    assert checked("") == ""
    assert checked(PASSWORD) == PASSWORD


def test_a_thousand_files_take_a_thousand_bytes_each_at_most(tmp_path: Path) -> None:
    """Of memory, while they are written and read back. Half of it is the directory at the archive's end."""
    folder = state(tmp_path / "state" if not (tmp_path / "state").mkdir() else tmp_path, 10)
    for number in range(1000):
        contents = str(number).encode()
        (folder / "media" / hashlib.sha256(contents).hexdigest()).write_bytes(contents)
    made(folder, tmp_path / "first")  # what is loaded for it once is not of the files
    tracemalloc.start()
    try:
        done = made(folder, tmp_path / "work")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.manifest.media > 1000
    assert most < 1000 * 1000 + 3_000_000


# Killed


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.db.backup.house import source
from db.backup import making
count = 0

def cut(event, args):
    global count
    if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.copyfile",
                 "shutil.rmtree", "tempfile.mkdtemp", "sqlite3.connect", "os.chmod", "os.listdir"}:
        text = " ".join(map(str, args))
        if str(work) in text or event == "sqlite3.connect":
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

office, work, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
sys.addaudithook(cut)
making.make(source(office, work), work / sys.argv[4], "a password")
at = -1
print(count)
"""


def test_killed_at_any_step_there_is_a_whole_backup_or_none(office: Path, tmp_path: Path) -> None:
    """Each time the process is killed before another of the calls that touch the folder."""

    def run(at: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-c", KILLED, str(office), str(tmp_path), str(at), NAME],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    whole = run(-1)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout)
    assert steps > 20
    (tmp_path / NAME).unlink()
    for at in range(1, steps + 1, max(1, steps // 14)):
        assert run(at).returncode == -9
        if (tmp_path / NAME).exists():
            prove(pieces(tmp_path / NAME), "a password", tmp_path)
            (tmp_path / NAME).unlink()
    assert made(office, tmp_path).size
    assert left(tmp_path) == [NAME]


def test_what_a_killed_one_has_left_is_removed_by_the_next(office: Path, tmp_path: Path) -> None:
    (tmp_path / WORK / "proof-x").mkdir(parents=True)
    (tmp_path / f"callisto-a-20251123-010203Z.zip{PART}").touch()
    (tmp_path / f"somebody's{PART}").touch()
    made(office, tmp_path)
    assert left(tmp_path) == [NAME, f"somebody's{PART}"]
    with (tmp_path / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
