"""Archives of every earlier schema come back; hostile ones are told apart, and touch nothing."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pysqlite3
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from db.backup import errors
from db.backup.manifest import FILES, FORMAT, MANIFEST, PRODUCT, STORE, Entry, Kind, Manifest, to_json
from db.backup.placed import Placed, to_line
from db.backup.source import rows_of, schema_of
from db.restore import rehearsal, work
from db.restore.job import Folder, Place, Step, new
from db.restore.plan import EVERYTHING
from db.schema import MIGRATIONS, head
from db.store import Store
from tests.db.backup import house

MADE = "2026-01-01 00:00:00"
EARLIER = tuple(f"{number:04}" for number in range(1, int(head(MIGRATIONS)) + 1))


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ADMIN = "$argon2id$now"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with an administrator."""
    folder = house.state(tmp_path_factory.mktemp("first"), 20)
    with closing(pysqlite3.connect(str(folder / "callisto.db"), isolation_level=None)) as raw:
        _insert(raw, "users", user="admin", name="Admin", password_hash=ADMIN, created_at=MADE)
        _insert(raw, "user_role", user="admin", role="administrator")
    return folder


@pytest.fixture(scope="module")
def archive(first: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return house.archive(first, tmp_path_factory.mktemp("work"))


@pytest.fixture
def state(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "state"))


def restored(state: Path, raw: bytes, kinds: tuple[Kind, ...] = EVERYTHING, password: str = "") -> Step:
    folder = Folder(state / "restore")
    rehearsal.read(folder, house.pieces(raw), password)
    job = new("admin", "b.zip", Place(state / "callisto.db", state), kinds, NOON)
    done = work.exchange(folder, job, lambda _: None)
    assert not done.failed, done.result
    return work.done(folder, done).step


def asked(state: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(pysqlite3.connect(str(state / "callisto.db"))) as raw:
        return [tuple(row) for row in raw.execute(sql)]


def older_store(path: Path, schema: str) -> Path:
    """As that version has made it, with an administrator, a group and a member."""
    engine = create_engine(f"sqlite:///{path}", module=pysqlite3)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, schema)
    engine.dispose()
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        if not raw.execute("SELECT count(*) FROM revision").fetchone()[0]:
            raw.execute("INSERT INTO revision VALUES (1, 7, 'of then', ?)", (MADE,))
        _insert(
            raw,
            "users",
            user="old",
            name="Old",
            password_hash="$argon2id$old",
            created_at="2026-01-01 00:00:00",
        )
        _insert(raw, "user_role", user="old", role="administrator")
        _insert(raw, "groups", id=1, name="Old group", overflow_kind="busy", strategy="sequential",
                manager_timeout=20, assistant_timeout=15)  # fmt: skip
        _insert(raw, "member", group_id=1, user="old", position=0, is_manager=1)
    return path


def _insert(raw: Any, table: str, **values: object) -> None:
    """Columns that are needed and not given are empty."""
    for _, name, kind, needed, default, _ in raw.execute(f"PRAGMA table_info({table})").fetchall():
        if needed and default is None and name not in values:
            values[name] = "" if kind.startswith(("VARCHAR", "TEXT")) else 0
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    raw.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def wrapped(
    store: Path,
    *,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    files: Mapping[str, bytes] = MappingProxyType({}),
    members: Mapping[str, bytes] = MappingProxyType({}),
    twice: str = "",
) -> bytes:
    """An archive of ours around a store. `files`: by their paths; `members`: that no list names; `twice`: a
    member that is there twice."""
    contents = store.read_bytes()
    placed = [Placed("state", path, "media", _sha256(each), len(each)) for path, each in files.items()]
    listed = b"".join(map(to_line, placed))
    entries = tuple(Entry(name, len(raw), _sha256(raw)) for name, raw in ((STORE, contents), (FILES, listed)))
    media = {each.entry: files[each.path] for each in placed}
    with closing(pysqlite3.connect(str(store))) as raw:
        rows, schema = rows_of(raw), schema_of(raw)
    made = Manifest(FORMAT, PRODUCT, "0.0.1", NOON, schema, "sqlite", rows, entries,
                    len(placed), len(media), sum(map(len, media.values())))  # fmt: skip
    manifest = json.loads(to_json(made))
    change(manifest)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, each in {STORE: contents, **media, **members, FILES: listed}.items():
            file.writestr(name, each)
        if twice:
            file.writestr(twice, contents)
        file.writestr(MANIFEST, json.dumps(manifest))
    return out.getvalue()


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("schema", EARLIER)
@pytest.mark.parametrize("kinds", [EVERYTHING, ("users", "groups")], ids=["whole", "by kind"])
def test_every_earlier_schema_comes_back(
    state: Path, tmp_path: Path, schema: str, kinds: tuple[Kind, ...]
) -> None:
    assert restored(state, wrapped(older_store(tmp_path / "old.db", schema)), kinds) is Step.DONE
    with Store.open(f"sqlite:///{state / 'callisto.db'}", ram_mb=2048) as store:
        (group,) = store.office.read().groups
    assert group.name == "Old group"
    assert asked(state, "SELECT version_num FROM alembic_version") == [(head(MIGRATIONS),)]
    assert asked(state, "SELECT password_hash FROM users") == [("$argon2id$old",)]
    assert asked(state, "SELECT user FROM member") == [("old",)]
    assert (asked(state, "SELECT count(*) FROM call") == [(0,)]) == (kinds == EVERYTHING)


def contents(state: Path) -> dict[str, bytes]:
    """But for the folder of restores."""
    return {
        str(each.relative_to(state)): each.read_bytes()
        for each in sorted(state.rglob("*"))
        if each.is_file()
        and each.relative_to(state).parts[0] != "restore"
        and not each.name.endswith(("-wal", "-shm"))
    }


def refused(state: Path, raw: bytes, password: str = "") -> errors.ArchiveError:
    """What it says; nothing is touched but what was unpacked."""
    before = contents(state)
    with pytest.raises(errors.ArchiveError) as found:
        rehearsal.read(Folder(state / "restore"), house.pieces(raw), password)
    assert found.value.message
    assert found.value.hint
    work.forget(Folder(state / "restore"))
    assert contents(state) == before
    return found.value


def test_each_hostile_archive_is_told_apart(state: Path, tmp_path: Path, archive: bytes) -> None:
    old = older_store(tmp_path / "old.db", EARLIER[0])

    def of_later_schema() -> bytes:
        later = Path(shutil.copy(old, tmp_path / "later.db"))
        with closing(pysqlite3.connect(str(later), isolation_level=None)) as raw:
            raw.execute("UPDATE alembic_version SET version_num = '9999'")
        return wrapped(later)

    def and_a_trigger() -> bytes:
        evil = Path(shutil.copy(old, tmp_path / "evil.db"))
        with closing(pysqlite3.connect(str(evil), isolation_level=None)) as raw:
            raw.execute("CREATE TRIGGER evil AFTER INSERT ON audit BEGIN DELETE FROM users; END")
        return wrapped(evil)

    def lies(found: dict[str, Any]) -> None:
        found["rows"]["users"] += 1

    def newer(found: dict[str, Any]) -> None:
        found.update(format=9, version="9.1.0")

    def of_somebody(found: dict[str, Any]) -> None:
        found.update(product="another program")

    said = {
        name: refused(state, raw)
        for name, raw in {
            "text": b"not a zip at all" * 50,
            "empty": b"",
            "truncated": archive[: len(archive) // 2],
            "lies": wrapped(old, change=lies),
            "newer": wrapped(old, change=newer),
            "schema": of_later_schema(),
            "trigger": and_a_trigger(),
            "of somebody": wrapped(old, change=of_somebody),
            "path": wrapped(old, members={"../../etc/passwd": b"x"}),
            "absolute": wrapped(old, members={"/etc/passwd": b"x"}),
            "backslash": wrapped(old, members={"media\\..\\x": b"x"}),
            "twice": wrapped(old, twice=STORE),
            "bomb": wrapped(old, members={"media/" + "a" * 64: bytes(400_000_000)}),
        }.items()
    }
    for name, kind in (
        ("text", errors.ForeignArchiveError),
        ("truncated", errors.TruncatedError),
        ("lies", errors.UnsoundStoreError),
        ("newer", errors.NewerVersionError),
        ("schema", errors.NewerVersionError),
        ("trigger", errors.UnsoundStoreError),
        ("of somebody", errors.ForeignArchiveError),
        ("path", errors.UnsafeNameError),
        ("absolute", errors.UnsafeNameError),
        ("backslash", errors.UnsafeNameError),
        ("twice", errors.DuplicateError),
        ("bomb", errors.BombError),
    ):
        assert isinstance(said[name], kind), (name, said[name])
    assert "9.1.0" in str(said["newer"])
    assert "9999" in str(said["schema"])
    assert head(MIGRATIONS) in str(said["schema"])
    assert "etc/passwd" in str(said["path"])


def test_a_password_is_asked_for_and_a_wrong_one_is_said(state: Path, first: Path, tmp_path: Path) -> None:
    raw = house.archive(first, tmp_path / "secret", house.PASSWORD)
    assert isinstance(refused(state, raw), errors.PasswordNeededError)
    assert isinstance(refused(state, raw, "wrong password"), errors.WrongPasswordError)
    assert restored(state, raw, password=house.PASSWORD) is Step.DONE


def test_an_archive_can_put_files_into_three_folders_only(state: Path, tmp_path: Path) -> None:
    files = {
        "routing.json": b"{}",
        "run/x": b"of nobody",
        "callisto.db": b"of somebody",
        "announcements/a.wav": b"RIFF",
    }
    before = contents(state)
    restored(state, wrapped(older_store(tmp_path / "old.db", EARLIER[0]), files=files))
    after = contents(state)
    assert set(after) - set(before) <= {"announcements/a.wav", "callisto.db.exchange", "callisto.db.lock"} | {
        name for name in after if ".before-restore-" in name
    }
    assert after["announcements/a.wav"] == b"RIFF"
    assert after["callisto.db"].startswith(b"SQLite format 3")


@pytest.mark.parametrize("seed", range(4))
def test_no_cut_and_no_flipped_bit_gets_through(state: Path, archive: bytes, seed: int) -> None:
    """A bit in what its members hold."""
    dice = random.Random(seed)
    places = contents_of(archive)
    for _ in range(5):
        refused(state, archive[: dice.randrange(len(archive) - 1)])
        spoilt = bytearray(archive)
        spoilt[dice.choice(places)] ^= 1 << dice.randrange(8)
        refused(state, bytes(spoilt))


def contents_of(archive: bytes) -> list[int]:
    """Where the contents of members are: what their headers say of times and systems is of no matter."""
    places: list[int] = []
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for each in file.infolist():
            start = each.header_offset
            name, extra = (int.from_bytes(archive[start + at : start + at + 2], "little") for at in (26, 28))
            begin = start + 30 + name + extra
            places += range(begin, begin + each.compress_size)
    return places
