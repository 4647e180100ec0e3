"""The sources of a repair that lie on this machine: journal, snapshots, and backups."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pysqlite3
from sqlalchemy import URL

from db.backup.errors import ArchiveError, PasswordNeededError
from db.backup.manifest import STORE
from db.backup.names import SUFFIX, made_at_of
from db.errors import StoreError
from db.journal import snapshots
from db.journal.capture import columns_of
from db.journal.format import FormatError, Place
from db.journal.replay import BrokenChainError, back, headers_of, replay
from db.journal.writer import place_of
from db.prepare import prepare
from db.repair import remembered
from db.repair.sources import Known, Origin
from db.tables import metadata

CHUNK = 1 << 20
_FAILURES = (StoreError, FormatError, OSError, pysqlite3.Error)


class Kept:
    """Fulfils Sources. `backups`: a folder of archives."""

    def __init__(self, journal: Path, folder: Path, backups: Path) -> None:
        self._journal = journal
        self._snapshots = folder
        self._backups = backups
        self._notes: list[str] = []
        self._known: Path | None = None
        self._origin: Origin = "journal"
        self._looked = False

    @property
    def journal(self) -> Path:
        return self._journal

    def notes(self) -> Sequence[str]:
        return tuple(self._notes)

    def replay(self, into: Path, place: Place | None) -> bool:
        for generation in reversed(snapshots.generations(self._snapshots)):
            clear(into)
            try:
                done = replay(snapshots.path_of(self._snapshots, generation), self._journal, into)
                if problem := self._objection(done.place, place) or _unsound(into):
                    raise BrokenChainError(problem)
            except _FAILURES as exc:
                self._note(f"snapshot {generation} and the journal are not the store: {_words(exc)}")
            else:
                return True
        return self._joined(into, place)

    def _joined(self, into: Path, place: Place | None) -> bool:
        """The store was once put back to what it had been, and went on from there: what it had lost is joined
        with what came since, where that is all that is wrong with the journal."""
        since = remembered.joined_since(self._journal)
        if since is None or (place is not None and place.generation != max(headers_of(self._journal))):
            return False
        for generation in reversed(snapshots.generations(self._snapshots)):
            if not since <= generation < max(headers_of(self._journal)):
                continue
            clear(into)
            try:
                _copied(snapshots.path_of(self._snapshots, generation), into)
                with closing(_raw(into)) as raw:
                    remembered.go_on(raw, self._journal, place_of(raw))
                    remembered.forget(raw)
                if problem := _unsound(into):
                    raise BrokenChainError(problem)
            except _FAILURES as exc:
                self._note(f"snapshot {generation} and all of the journal: {_words(exc)}")
            else:
                self._note("changes that the store had lost are in it again, after those that came since")
                return True
        return False

    def rows(self, table: str, into: Path) -> Iterator[Known]:
        if not self._looked:
            self._looked = True
            self._known = self._remember(into.with_name(into.name + ".known"))
        if self._known is None:
            return
        with closing(_raw(self._known)) as raw:
            columns = columns_of(metadata.tables[table])
            for *row, journalled in raw.execute(remembered.query(table, columns)):
                yield Known(tuple(row), "journal" if journalled else self._origin)

    def _objection(self, end: Place, place: Place | None) -> str:
        """Why the end of the journal is not what the damaged store was, whose own place may be unreadable."""
        if place is None:
            return ""
        if not place.generation:
            return "the store was made anew since, and has changed no more"
        if back(headers_of(self._journal), end.generation, place.generation) is None:
            return f"the store is in generation {place.generation}, which does not lead to {end.generation}"
        if place.seq > end.seq:
            return f"the journal ends with change {end.seq}, and the store has change {place.seq}"
        if place.seq == end.seq and place.generation == end.generation and place.crc != end.crc:
            return f"change {end.seq} is another one in the store"
        return ""

    def _remember(self, into: Path) -> Path | None:
        """The newest snapshot or backup that can be read, and what the journal has after it."""
        for make, origin, told in self._bases():
            clear(into)
            try:
                make(into)
                prepare(_url(into))  # an older schema is brought to the present one
                with closing(_raw(into)) as raw:
                    remembered.go_on(raw, self._journal, place_of(raw))
            except _FAILURES as exc:
                self._note(f"{told}: {_words(exc)}")
            else:
                self._origin = origin
                return into
        clear(into)
        try:
            prepare(_url(into))
            with closing(_raw(into)) as raw:
                remembered.go_on(raw, self._journal, Place(0, 0, 0, 0))
        except _FAILURES as exc:
            self._note(f"the journal: {_words(exc)}")
            return None
        return into

    def _bases(self) -> Iterator[tuple[Callable[[Path], None], Origin, str]]:
        """Newest first."""
        found: list[tuple[float, Path, Origin]] = []
        for generation in snapshots.generations(self._snapshots):
            path = snapshots.path_of(self._snapshots, generation)
            found.append((path.stat().st_mtime, path, "journal"))
        if self._backups.is_dir():
            for path in self._backups.glob(f"*{SUFFIX}"):
                made_at = made_at_of(path.name)
                found.append((made_at.timestamp() if made_at else path.stat().st_mtime, path, "backup"))
        for _, path, origin in sorted(found, reverse=True):
            if origin == "journal":
                yield partial(_copied, path), origin, f"snapshot {path.stem}"
            else:
                yield partial(_unpacked, path), origin, f"backup {path.name}"

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def clear(into: Path) -> None:
    """Whatever has a name that begins with it."""
    for each in into.parent.glob(into.name + "*"):
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink(missing_ok=True)


def _copied(path: Path, into: Path) -> None:
    shutil.copyfile(path, into)
    into.chmod(0o600)
    if problem := _unsound(into):
        raise BrokenChainError(problem)


def _unpacked(path: Path, into: Path) -> None:
    from db.backup.reading import unpack  # it loads much, and the supervisor has this module too

    folder = into.with_name(into.name + ".unpacked")
    folder.mkdir(mode=0o700)
    try:
        room = shutil.disk_usage(into.parent).free // 2
        with path.open("rb") as file:
            unpack(iter(lambda: file.read(CHUNK), b""), folder, "", room, wanted=lambda name: name == STORE)
        (folder / STORE).replace(into)
    except PasswordNeededError as exc:
        raise ArchiveError("it has a password, so nothing was taken from it", hint=exc.hint) from exc
    finally:
        shutil.rmtree(folder)


def _unsound(path: Path) -> str:
    with closing(_raw(path)) as raw:
        said = [str(row[0]) for row in raw.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
        broken = raw.execute("PRAGMA foreign_key_check").fetchone()
    return said[0] if said else f"rows of {broken[0]} refer to nothing" if broken else ""


def _raw(path: Path) -> pysqlite3.Connection:
    raw = pysqlite3.connect(str(path), timeout=5, isolation_level=None)
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("PRAGMA secure_delete=ON")
    return raw


def _url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def _words(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
