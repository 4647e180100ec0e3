"""An archive: what is in it, who can open it, and what is refused."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
import pytest
from stream_zip import ZIP_64, stream_zip

from db.backup import reading
from db.backup.errors import (
    AlteredError,
    ArchiveError,
    BombError,
    DuplicateError,
    ForeignArchiveError,
    MissingMemberError,
    NewerVersionError,
    NoRoomError,
    PasswordNeededError,
    TruncatedError,
    UnsafeNameError,
    UnsoundStoreError,
    WrongPasswordError,
)
from db.backup.listed import files_in
from db.backup.manifest import FILES, FORMAT, MANIFEST, PRODUCT, STORE, Entry, Manifest, to_json
from db.backup.placed import Placed, to_line
from db.backup.proof import bring_forward, prove
from db.backup.reading import unpack
from tests import needs
from tests.db.backup.house import PASSWORD, archive, pieces, state

ROOM = 1 << 30
MADE = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return state(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def plain(office: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return archive(office, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def locked(office: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return archive(office, tmp_path_factory.mktemp("work"), PASSWORD)


def opened(raw: bytes, into: Path, password: str = "") -> Manifest:
    into.mkdir(exist_ok=True)
    return unpack(pieces(raw), into, password, ROOM)


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_everything_comes_back(
    office: Path, plain: bytes, locked: bytes, tmp_path: Path, password: str
) -> None:
    found = opened(locked if password else plain, tmp_path / "into", password)
    where = {(each.root, each.path): (each.entry, each.kind) for each in files_in(tmp_path / "into")}
    for path in ("announcements/Grüezi mitenand.wav", "announcements/empty.wav", "tls/telnet.key"):
        entry, kind = where["state", path]
        assert (tmp_path / "into" / entry).read_bytes() == (office / path).read_bytes()
        assert kind == ("settings" if path.startswith("tls") else "media")
    entry, _ = where["config", "callisto.toml"]
    assert (tmp_path / "into" / entry).read_text() == "telnet_port = 2323\n"
    assert where["state", "tls/telnet.key"] == where["state", "tls/copy.key"]
    assert len(where) == found.files == 7
    assert found.media == 6
    sizes = [each.stat().st_size for each in (tmp_path / "into").rglob("*") if each.is_file()]
    assert sum(sizes) == found.size
    assert found.damaged == ()
    bring_forward(tmp_path / "into" / STORE, found)
    with pysqlite3.connect(str(office / "callisto.db")) as store:
        (calls,) = store.execute("SELECT count(*) FROM call").fetchone()
    store.close()
    assert found.rows["call"] == calls > 200
    assert (tmp_path / "into" / STORE).stat().st_mode & 0o777 == 0o600


def test_names_of_files_are_not_in_what_is_not_encrypted(locked: bytes) -> None:
    for secret in (b"mitenand", b"announcements", b"telnet", b"RIFF", b"anna", b"SQLite format"):
        assert secret not in locked


def test_media_that_are_not_what_they_were_are_left_out_and_named(tmp_path: Path) -> None:
    folder = state(tmp_path / "state" if (tmp_path / "state").mkdir() is None else tmp_path, 20)
    broken = folder / "media" / hashlib.sha256(b"was").hexdigest()
    broken.write_bytes(b"is")
    found = opened(archive(folder, tmp_path / "work"), tmp_path / "into")
    assert found.damaged == (f"media/{broken.name}",)
    assert f"media/{broken.name}" not in {each.path for each in files_in(tmp_path / "into")}


def run(argv: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.mark.parametrize("password", ["", "only ascii", PASSWORD])
@pytest.mark.parametrize("reader", ["7z", "bsdtar"])
def test_other_programs_open_it(office: Path, tmp_path: Path, reader: str, password: str) -> None:
    package = {"7z": "7zip", "bsdtar": "libarchive-tools"}
    program = needs.program(reader, package[reader])
    (tmp_path / "a.zip").write_bytes(archive(office, tmp_path / "work", password))
    (tmp_path / "out").mkdir()
    given = (
        [program, "x", "-oout", f"-p{password}", "a.zip"]
        if reader == "7z"
        else [program, "-x", "-C", "out", *(["--passphrase", password] if password else []), "-f", "a.zip"]
    )
    done = run(given, tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    found = opened((tmp_path / "a.zip").read_bytes(), tmp_path / "into", password)
    hashes = {entry.name: entry.sha256 for entry in found.entries}
    hashes |= {each.entry: each.sha256 for each in files_in(tmp_path / "into")}
    for name, wanted in hashes.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == wanted
    assert (tmp_path / "out" / MANIFEST).read_bytes() == to_json(found)


def test_another_password_opens_nothing(locked: bytes, tmp_path: Path) -> None:
    with pytest.raises(WrongPasswordError):
        opened(locked, tmp_path / "a", PASSWORD + " ")
    with pytest.raises(PasswordNeededError):
        opened(locked, tmp_path / "b")


def test_a_password_that_was_not_needed_is_of_no_matter(plain: bytes, tmp_path: Path) -> None:
    assert opened(plain, tmp_path / "a", "whatever it is").rows["call"] > 200


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_wherever_it_is_cut_it_is_not_complete(
    plain: bytes, locked: bytes, tmp_path: Path, password: str
) -> None:
    raw = locked if password else plain
    dice = random.Random(4)
    for number, at in enumerate([0, 3, 29, len(raw) - 1, len(raw) - 30, *dice.sample(range(len(raw)), 12)]):
        with pytest.raises(TruncatedError):
            opened(raw[:at], tmp_path / str(number), password)


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_flipped_bit_is_noticed_or_of_no_matter(
    plain: bytes, locked: bytes, tmp_path: Path, password: str
) -> None:
    """What a reader of streams does not use (times, the directory at the end) cannot do harm."""
    raw = locked if password else plain
    dice = random.Random(5)
    right = opened(raw, tmp_path / "right", password)
    noticed = 0
    for number in range(40):
        bad = bytearray(raw)
        bad[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        try:
            found = opened(bytes(bad), tmp_path / str(number), password)
        except ArchiveError:
            noticed += 1
        else:
            assert found == right
    assert noticed > 30


def zipped(*members: tuple[str, bytes], last: bytes | None = None) -> bytes:
    if last is not None:
        members = (*members, (MANIFEST, last))
    return b"".join(
        stream_zip((name, MADE, 0o100600, ZIP_64, iter([contents])) for name, contents in members)
    )


def told(store: Entry, listed: bytes = b"", **other: object) -> bytes:
    made = Manifest(FORMAT, PRODUCT, "0.1.0", MADE, "0004", "sqlite", {}, (store, entry(FILES, listed)))
    return to_json(replace(made, **other))  # type: ignore[arg-type]


def whole(*members: tuple[str, bytes], listed: bytes = b"", **other: object) -> bytes:
    """As ours are: a store, these members, the list of files, the manifest."""
    counted = {
        "files": listed.count(b"\n"),
        "media": len(members),
        "media_size": sum(len(c) for _, c in members),
    }
    told_of = told(S, listed, **{**counted, **other})
    return zipped((STORE, b"store"), *members, (FILES, listed), last=told_of)


def entry(name: str, contents: bytes) -> Entry:
    return Entry(name, len(contents), hashlib.sha256(contents).hexdigest())


S = entry(STORE, b"store")
MEDIUM = f"media/{hashlib.sha256(b'm').hexdigest()}"
LINE = to_line(Placed("state", "announcements/m.wav", "media", hashlib.sha256(b"m").hexdigest(), 1))
EMPTY = (FILES, b"")
HOSTILE: dict[str, tuple[Callable[[], bytes], type[ArchiveError]]] = {
    "no zip": (lambda: b"%PDF-1.7 and so on, for a while, to be long enough", ForeignArchiveError),
    "empty zip": (lambda: b"PK\x05\x06" + bytes(18), ForeignArchiveError),
    "another program's": (lambda: zipped(("office.xml", b"<a/>")), ForeignArchiveError),
    "no manifest": (lambda: zipped((STORE, b"store")), ForeignArchiveError),
    "a foreign manifest": (lambda: zipped((STORE, b"store"), last=b'{"product": "x"}'), ForeignArchiveError),
    "up": (lambda: zipped(("../../etc/passwd", b"x")), UnsafeNameError),
    "from the root": (lambda: zipped(("/etc/passwd", b"x")), UnsafeNameError),
    "backslash": (lambda: zipped(("..\\x", b"x")), UnsafeNameError),
    "drive": (lambda: zipped(("C:x", b"x")), UnsafeNameError),
    "twice": (lambda: zipped((STORE, b"store"), (STORE, b"other"), EMPTY, last=told(S)), DuplicateError),
    "media twice": (lambda: whole((MEDIUM, b"m"), (MEDIUM, b"m"), listed=LINE), DuplicateError),
    "a file twice": (lambda: whole((MEDIUM, b"m"), listed=LINE * 2), DuplicateError),
    "two manifests": (lambda: zipped((MANIFEST, told(S)), last=told(S)), DuplicateError),
    "one more": (lambda: whole((MEDIUM, b"m")), ForeignArchiveError),
    "after it": (lambda: zipped((MANIFEST, told(S)), (MEDIUM, b"m")), ForeignArchiveError),
    "one less": (lambda: whole(listed=LINE), MissingMemberError),
    "no store": (lambda: zipped(EMPTY, last=told(S)), MissingMemberError),
    "no list": (lambda: zipped((STORE, b"store"), last=told(S)), MissingMemberError),
    "another store": (lambda: zipped((STORE, b"strange"), EMPTY, last=told(S)), AlteredError),
    "another list": (lambda: zipped((STORE, b"store"), (FILES, b"x"), last=told(S)), AlteredError),
    "other media": (lambda: whole((MEDIUM, b"n"), listed=LINE), AlteredError),
    "fewer files": (lambda: whole((MEDIUM, b"m"), listed=LINE, files=2), AlteredError),
    "a strange list": (lambda: whole(listed=b"[]\n"), ForeignArchiveError),
    "newer": (lambda: whole(format=FORMAT + 1), NewerVersionError),
    "bomb": (lambda: zipped((STORE, bytes(30_000_000)), EMPTY, last=told(S)), BombError),
    "bz2": (lambda: foreign(zipfile.ZIP_BZIP2), ForeignArchiveError),
    "bz2 in our name": (lambda: foreign(zipfile.ZIP_BZIP2, STORE), ForeignArchiveError),
    "lzma": (lambda: foreign(zipfile.ZIP_LZMA), ForeignArchiveError),
    "lzma in our name": (lambda: foreign(zipfile.ZIP_LZMA, STORE), ForeignArchiveError),
    "comment": (lambda: whole()[:-2] + b"\x02\x00hi", TruncatedError),
    "more behind": (lambda: whole() + b"more", TruncatedError),
}


def foreign(how: int, name: str = "office.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as made:
        made.writestr(name, b"store" * 100)
    return out.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_backup_of_ours_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    make, error = HOSTILE[name]
    with pytest.raises(error) as refused:
        opened(make(), tmp_path / "into")
    assert type(refused.value) is error
    assert refused.value.hint
    assert not (tmp_path / "etc").exists()


def test_it_takes_no_more_room_than_it_may(plain: bytes, tmp_path: Path) -> None:
    with pytest.raises(NoRoomError, match="MB"):
        unpack(pieces(plain), tmp_path, "", 50_000)
    assert sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file()) <= 50_000


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_MEMBERS", 2)
    media = ((f"media/{hashlib.sha256(bytes([n])).hexdigest()}", bytes([n])) for n in range(3))
    with pytest.raises(BombError, match="members"):
        opened(zipped(*media), tmp_path)


def test_no_bytes_do_more_than_be_refused(tmp_path: Path, plain: bytes) -> None:
    dice = random.Random(6)
    for number in range(150):
        bad = bytearray(plain[: dice.randrange(40, 3000)])
        for _ in range(dice.randrange(20)):
            bad[dice.randrange(4, len(bad))] = dice.randrange(256)
        with pytest.raises(ArchiveError):
            opened(bytes(bad), tmp_path / str(number))


def test_a_backup_is_proven_by_restoring_it(locked: bytes, tmp_path: Path) -> None:
    proved = prove(pieces(locked), PASSWORD, tmp_path)
    assert proved.rows == sum(proved.manifest.rows.values()) > 300
    assert list(tmp_path.iterdir()) == []


def with_store(office: Path, tmp_path: Path, *statements: str, rows: bool = True) -> bytes:
    """An archive whose store somebody has changed, every hash made to fit."""
    into = tmp_path / "made"
    found = opened(archive(office, tmp_path / "work"), into)
    with pysqlite3.connect(str(into / STORE), isolation_level=None) as raw:
        for statement in statements:
            raw.execute(statement)
        counted = {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in found.rows}
    raw.close()
    contents = (into / STORE).read_bytes()
    given = replace(
        found, entries=(entry(STORE, contents), entry(FILES, b"")), files=0, media=0, media_size=0,
        rows=counted if rows else found.rows,
    )  # fmt: skip
    return zipped((STORE, contents), EMPTY, last=to_json(given))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM call WHERE rowid % 2", "rows that its manifest counts"),
        ("UPDATE alembic_version SET version_num = '0001'", "schema 0001"),
        ("CREATE TRIGGER t AFTER INSERT ON call BEGIN DELETE FROM users; END", "trigger 't'"),
        ("INSERT INTO user_role VALUES ('nobody', 'user')", "refer to nothing"),
    ],
)
def test_a_store_that_is_not_what_it_should_be_is_no_backup(
    office: Path, tmp_path: Path, statement: str, said: str
) -> None:
    raw = with_store(office, tmp_path, statement, rows=not statement.startswith("DELETE"))
    with pytest.raises(UnsoundStoreError, match=said):
        prove(pieces(raw), "", tmp_path)


def test_a_store_that_is_no_store_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(UnsoundStoreError):
        prove(pieces(whole()), "", tmp_path)


def test_a_little_that_becomes_gigabytes_is_not_even_begun(tmp_path: Path) -> None:
    """bz2 makes 900 kB of some 40 bytes, however little is asked for at a time."""
    raw = foreign_bomb()
    tracemalloc.start()
    try:
        with pytest.raises(ForeignArchiveError, match="in a way that no backup is"):
            opened(raw, tmp_path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5_000_000


def foreign_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as made, made.open(STORE, "w") as member:
        for _ in range(60):
            member.write(bytes(1 << 20))
    return out.getvalue()


@pytest.mark.parametrize("size", [1, 7, 30, 64])
def test_it_is_read_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    """A header may come in pieces, too."""
    short = whole((MEDIUM, b"m"), listed=LINE)
    assert unpack(pieces(short, size), tmp_path, "", ROOM).entries[0] == S
    with pytest.raises(ForeignArchiveError, match="in a way that no backup is"):
        unpack(pieces(foreign(zipfile.ZIP_BZIP2, STORE), size), tmp_path / "b", "", ROOM)
