"""From an archive to the state it has: whole or by kind, back again, and always one of the two states."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3
import pytest

from db.backup.errors import ArchiveError
from db.backup.folder import pieces
from db.backup.manifest import Kind
from db.backup.proof import prove
from db.backup.reading import unpack
from db.errors import RefusedError
from db.exchange import writing
from db.restore import rehearsal, work
from db.restore.job import Folder, Job, Place, Step, new
from db.restore.plan import EVERYTHING, chosen, lines
from db.store import Store
from tests.db import big_store
from tests.db.backup import house

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FLOOR = 5000
SOUND = "announcements/Grüezi mitenand.wav"


def change(path: Path, *statements: str) -> None:
    with closing(pysqlite3.connect(str(path), isolation_level=None)) as raw:
        raw.execute("PRAGMA foreign_keys=ON")
        for each in statements:
            raw.execute(each)


def column(path: Path, query: str) -> list[object]:
    with closing(pysqlite3.connect(str(path))) as raw:
        return [row[0] for row in raw.execute(query)]


def set_up(state: Path) -> None:
    """Somebody who can log in, and a group with a member."""
    change(
        state / "callisto.db",
        """INSERT INTO users VALUES ('chief', 'Chief', '', '', 'argon2-then', '2026-01-01 00:00:00')""",
        "INSERT INTO user_role VALUES ('chief', 'administrator')",
        "INSERT INTO users VALUES ('gone', 'Gone', '', '', '', '2026-01-01 00:00:00')",
        """INSERT INTO groups (id, name, manager_number, announcement, ring_parallel, manager_timeout,
           assistant_timeout, overflow_kind, overflow_target, show_calls, show_vip_calls, vip_routing,
           vip_threshold, assistant_direct, strategy) VALUES
           (77, 'Board', '777', '', 0, 15, 15, 'busy', '', 1, 1, 0, 0, 0, 'sequential')""",
        "INSERT INTO member VALUES (77, 'gone', 1, 0)",
        "INSERT INTO member VALUES (77, 'chief', 0, 1)",
    )


@pytest.fixture(scope="module")
def then(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder."""
    folder = tmp_path_factory.mktemp("then")
    house.state(folder, 60)
    set_up(folder)
    return folder


@pytest.fixture(scope="module")
def archive(then: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return house.archive(then, tmp_path_factory.mktemp("work"), house.PASSWORD)


@pytest.fixture
def state(then: Path, tmp_path: Path) -> Path:
    """The same, a day and many changes later."""
    state = Path(shutil.copytree(then, tmp_path / "state"))
    change(
        state / "callisto.db",
        "DELETE FROM users WHERE \"user\" = 'gone'",
        "UPDATE users SET password_hash = 'argon2-now' WHERE \"user\" = 'chief'",
        "UPDATE groups SET manager_timeout = 44 WHERE id = 77",
        "DELETE FROM call WHERE id IN (SELECT id FROM call ORDER BY id LIMIT 7)",
        "INSERT INTO audit (at, user, address, channel, action, detail) VALUES "
        "('2026-11-22 11:00:00', 'chief', '', 'telnet', 'said', 'something new')",
        "INSERT OR REPLACE INTO spool_position VALUES ('calls-7', 4711, '2026-11-22 11:00:00')",
    )
    (state / SOUND).write_bytes(b"RIFF another")
    return state


@pytest.fixture
def folder(state: Path) -> Folder:
    return Folder(state / "restore")


def place_of(state: Path) -> Place:
    return Place(state / "callisto.db", state, FLOOR)


def job(state: Path, kinds: tuple[Kind, ...] = EVERYTHING) -> Job:
    return new("admin", "then.zip", place_of(state), kinds, NOON)


def read(folder: Folder, archive: bytes) -> None:
    rehearsal.read(folder, house.pieces(archive), house.PASSWORD)


def restored(folder: Folder, archive: bytes, wanted: Job) -> Job:
    read(folder, archive)
    found = work.exchange(folder, wanted, lambda _: None)
    assert found.step is Step.START_WEB, found.result
    return work.done(folder, found)


def rows(path: Path, *tables: str) -> dict[str, object]:
    truth = big_store.truth(path)
    return {name: truth[name] for name in tables}


def test_a_whole_restore_is_the_state_then(state: Path, then: Path, folder: Folder, archive: bytes) -> None:
    done = restored(folder, archive, job(state))
    assert (done.step, done.failed, done.result) == (Step.DONE, False, "everything restored from then.zip")
    same = ("users", "user_role", "groups", "member", "call", "variable", "variable_change", "presence")
    assert rows(state / "callisto.db", *same) == rows(then / "callisto.db", *same)
    assert (state / SOUND).read_bytes() == house.SOUND
    assert not folder.unpacked.exists()
    assert not (folder.aside(done) / "before").exists()


def test_its_revision_is_greater_than_any_before(state: Path, folder: Folder, archive: bytes) -> None:
    restored(folder, archive, job(state))
    with Store.open(f"sqlite:///{state / 'callisto.db'}") as store:
        assert store.revision() > FLOOR


def test_the_audit_trail_only_grows_and_own_files_are_not_read_twice(
    state: Path, then: Path, folder: Folder, archive: bytes
) -> None:
    restored(folder, archive, job(state))
    path, query = state / "callisto.db", "SELECT detail FROM audit ORDER BY id"
    assert column(path, query) == [*column(then / "callisto.db", query), "something new"]
    assert column(path, "SELECT \"offset\" FROM spool_position WHERE source = 'calls-7'") == [4711]


def test_what_was_there_is_kept_beside(state: Path, folder: Folder, archive: bytes) -> None:
    restored(folder, archive, job(state))
    kept = state / "callisto.db.before-restore-20261122-120000"
    assert column(kept, "SELECT manager_timeout FROM groups WHERE id = 77") == [44]


def test_only_the_last_of_them_stay(state: Path, folder: Folder, archive: bytes) -> None:
    for day in range(1, 6):
        restored(folder, archive, replace(job(state), stamp=f"2026110{day}-120000"))
    names = sorted(each.name for each in state.glob("callisto.db.before-restore-*"))
    assert names == [f"callisto.db.before-restore-2026110{day}-120000" for day in (3, 4, 5)]


def test_the_present_state_is_backed_up_with_the_password_of_the_archive(state: Path) -> None:
    source = house.source(state, state / "backups")
    saved = state / "backups" / rehearsal.save(job(state), source, "vm", house.PASSWORD).saved
    with pytest.raises(ArchiveError, match="password"):
        prove(pieces(saved), "", state)
    assert prove(pieces(saved), house.PASSWORD, state).rows


def test_the_configuration_is_laid_beside_and_said(state: Path, folder: Folder, archive: bytes) -> None:
    (state / "callisto.toml").write_text("telnet_port = 4444\n")
    done = restored(folder, archive, job(state))
    assert (state / "callisto.toml").read_text() == "telnet_port = 4444\n"
    beside = folder.aside(done) / "configuration" / "callisto.toml"
    assert beside.read_text() == "telnet_port = 2323\n"
    assert str(beside.parent) in " ".join(done.notes)


def test_a_kind_alone_leaves_the_others(state: Path, then: Path, folder: Folder, archive: bytes) -> None:
    before = rows(state / "callisto.db", "users", "call", "variable", "audit")
    done = restored(folder, archive, job(state, ("groups",)))
    assert rows(state / "callisto.db", "users", "call", "variable", "audit") == before
    assert rows(state / "callisto.db", "groups") == rows(then / "callisto.db", "groups")
    assert (state / SOUND).read_bytes() == b"RIFF another"
    assert done.notes == ("member group_id 77, user gone: there is no such row in users",)
    assert column(state / "callisto.db", 'SELECT "user" FROM member WHERE group_id = 77') == ["chief"]


def test_history_alone_brings_calls_and_keeps_the_audit_trail(
    state: Path, then: Path, folder: Folder, archive: bytes
) -> None:
    restored(folder, archive, job(state, ("history",)))
    assert rows(state / "callisto.db", "call") == rows(then / "callisto.db", "call")
    assert column(state / "callisto.db", "SELECT detail FROM audit ORDER BY id")[-1] == "something new"


def test_media_alone(state: Path, folder: Folder, archive: bytes) -> None:
    before = rows(state / "callisto.db", "users", "groups", "call")
    restored(folder, archive, job(state, ("media",)))
    assert (state / SOUND).read_bytes() == house.SOUND
    assert rows(state / "callisto.db", "users", "groups", "call") == before


def test_a_rehearsal_says_what_would_change_and_changes_nothing(
    state: Path, folder: Folder, archive: bytes
) -> None:
    path = state / "callisto.db"
    before = big_store.truth(path)
    plan = rehearsal.rehearse(
        folder, job(state), rehearsal.read(folder, house.pieces(archive), house.PASSWORD), "chief"
    )
    assert big_store.truth(path) == before
    assert (state / SOUND).read_bytes() == b"RIFF another"
    said = {each.table: (each.added, each.removed, each.changed) for each in plan.differences}
    assert said == {"users": (1, 0, 1), "groups": (0, 0, 1), "member": (1, 0, 0), "call": (7, 0, 0)}
    assert plan.files == (SOUND,)
    assert plan.warnings == (f"your password will be the one of {plan.made_at:%Y-%m-%d}",)
    shown = lines(plan)
    assert "users: 1 comes, 1 changes (gone, chief)" in shown
    assert "call records: 7 come" in shown


def test_nothing_is_different_from_ones_own_backup(then: Path, tmp_path: Path, archive: bytes) -> None:
    state = Path(shutil.copytree(then, tmp_path / "same"))
    folder = Folder(state / "restore")
    plan = rehearsal.rehearse(
        folder, job(state), rehearsal.read(folder, house.pieces(archive), house.PASSWORD)
    )
    assert (plan.differences, plan.files, plan.warnings) == ((), (), ())


def test_nobody_is_locked_out(state: Path, folder: Folder, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    house.state(other, 10)
    change(other / "callisto.db", "UPDATE users SET password_hash = ''")
    before = big_store.truth(state / "callisto.db")
    rehearsal.read(folder, house.pieces(house.archive(other, tmp_path / "work")), "")
    done = work.exchange(folder, job(state), lambda _: None)
    assert done.step is Step.UNDONE
    assert "nobody could log in" in done.result
    assert big_store.truth(state / "callisto.db") == before


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_a_store_that_cannot_be_read_is_replaced_whole_and_not_by_kind(
    state: Path, then: Path, folder: Folder, archive: bytes, lost: str
) -> None:
    path = state / "callisto.db"
    if lost == "damaged":
        path.write_bytes(bytes(200_000))
    else:
        path.unlink()
    read(folder, archive)
    by_kind = work.exchange(folder, job(state, ("users",)), lambda _: None)
    assert by_kind.step is Step.UNDONE
    assert "nothing of it can be kept" in by_kind.result
    assert restored(folder, archive, job(state)).step is Step.DONE
    assert rows(path, "users", "call") == rows(then / "callisto.db", "users", "call")


def test_the_wrong_password_touches_nothing(state: Path, folder: Folder, archive: bytes) -> None:
    before = big_store.truth(state / "callisto.db")
    with pytest.raises(ArchiveError, match="password"):
        rehearsal.read(folder, house.pieces(archive), "wrong password")
    assert big_store.truth(state / "callisto.db") == before


def test_going_back_is_the_former_state_with_the_calls_since(
    state: Path, folder: Folder, archive: bytes
) -> None:
    path = state / "callisto.db"
    before = rows(path, "users", "groups", "member", "variable")
    calls = set(column(path, "SELECT id FROM call"))
    read(folder, archive)
    found = work.exchange(folder, job(state), lambda _: None)
    change(
        path,
        "INSERT INTO call SELECT 'new', started, '2026-11-22 12:00:05.000000', answered, caller, caller_raw, "
        'caller_name, dialled, "group", vip, result, status, agent, talk_s, ring_s, steps FROM call LIMIT 1',
        "UPDATE spool_position SET \"offset\" = 5000 WHERE source = 'calls-7'",
    )
    done = work.go_back(folder, found, "the web server does not answer", lambda _: None)
    assert (done.step, done.failed) == (Step.UNDONE, True)
    assert "the web server does not answer" in done.result
    assert rows(path, "users", "groups", "member", "variable") == before
    assert set(column(path, "SELECT id FROM call")) == {*calls, "new"}
    assert column(path, "SELECT \"offset\" FROM spool_position WHERE source = 'calls-7'") == [5000]
    assert (state / SOUND).read_bytes() == b"RIFF another"


def test_nobody_writes_meanwhile(state: Path, folder: Folder, archive: bytes) -> None:
    path, refused = state / "callisto.db", []

    def at(now: Job) -> None:
        if now.step in (Step.BUILD, Step.EXCHANGE):
            with pytest.raises(Exception, match="restored"), writing(path):
                pass
            refused.append(now.step)

    read(folder, archive)
    work.exchange(folder, job(state), at)
    assert refused == [Step.BUILD, Step.EXCHANGE]


def test_a_rehearsal_that_was_killed_leaves_nothing_after_the_next_start(
    folder: Folder, archive: bytes
) -> None:
    read(folder, archive)
    assert (folder.unpacked / "store.db").exists()
    assert work.recover(folder) is None
    assert not folder.unpacked.exists()


def test_words_of_kinds() -> None:
    assert chosen([]) == EVERYTHING
    assert chosen(["media", "Users"]) == ("users", "media")
    with pytest.raises(RefusedError, match="'greetings'"):
        chosen(["greetings"])


class Killed(BaseException):
    pass


class Kernel:
    """Lets as many of those calls through that change names or the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, die_at: int) -> None:
        self.left = die_at
        for name in ("link", "unlink", "replace", "fsync", "open"):
            monkeypatch.setattr(f"os.{name}", self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **named: object) -> object:
            self.left -= 1
            if self.left < 0:
                raise Killed
            return call(*args, **named)

        return counted


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "going back"])
def test_killed_at_any_step_there_is_the_old_or_the_new_state(
    then: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, backwards: bool
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    house.state(small, 5)
    set_up(small)
    raw = house.archive(small, tmp_path / "work", house.PASSWORD)
    now = Path(shutil.copytree(small, tmp_path / "now"))
    change(now / "callisto.db", "UPDATE groups SET manager_timeout = 44 WHERE id = 77")
    (now / SOUND).write_bytes(b"RIFF another")
    read(Folder(now / "restore"), raw)
    new_one, old_one = rows(small / "callisto.db", "groups"), rows(now / "callisto.db", "groups")
    seen = {"old": 0, "new": 0}
    for step in range(400):
        state = Path(shutil.copytree(now, tmp_path / str(step)))
        folder, wanted = Folder(state / "restore"), job(state)
        folder.keep(wanted)
        if backwards:
            wanted = work.exchange(folder, wanted, lambda _: None)
        killed = True
        with monkeypatch.context() as patch:
            Kernel(patch, step)
            try:
                if backwards:
                    work.go_back(folder, wanted, "it does not do", lambda _: None)
                else:
                    work.done(folder, work.exchange(folder, wanted, lambda _: None))
                killed = False
            except Killed:
                pass
        left = work.recover(folder)
        if left and left.step is Step.LOOK:
            work.done(folder, left)
        found, sound = rows(state / "callisto.db", "groups"), (state / SOUND).read_bytes()
        assert (found, sound) in ((old_one, b"RIFF another"), (new_one, house.SOUND)), step
        seen["old" if found == old_one else "new"] += 1
        assert work.recover(folder) is None
        shutil.rmtree(state)
        if not killed:
            break
    assert not killed
    assert min(seen.values()) > 2, seen


def test_the_report_says_which_settings_are_others(state: Path, folder: Folder, archive: bytes) -> None:
    mine = state / "mine.toml"
    wanted = new("admin", "then.zip", replace(place_of(state), config=mine), ("settings",), NOON)
    for text, said in (
        ('telnet_port = 2323\nstore_url = "hidden"\n[a]\nb = 1\n', "other than yours are a.b, store_url"),
        ("telnet_port = 2323\n", "its settings are the same as yours"),
        ("telnet_port = = \n", "yours cannot be read"),
    ):
        mine.write_text(text)
        (note,) = restored(folder, archive, wanted).notes
        assert said in note
        assert "hidden" not in note
    (note,) = restored(folder, archive, job(state, ("settings",))).notes
    assert "no file of settings" in note


TARGET = (
    "INSERT INTO backup_target VALUES ('nas', 'sftp', '192.0.2.7', 0, 'bea', 'unveiled secret', '/b', '', "
    "'127,02:00', 7, 4, 6, 3, 'unveiled password', 1, '2026-01-01 00:00:00', '', NULL, 'good')"
)
SECRETS = 'SELECT secret || "/" || password || "/" || enabled FROM backup_target'


def test_a_backup_without_a_password_has_no_secrets_of_targets(state: Path, tmp_path: Path) -> None:
    change(state / "callisto.db", TARGET)
    for password, has in (("", False), (house.PASSWORD, True)):
        raw = house.archive(state, tmp_path / "work", password)
        into = tmp_path / f"into{has}"
        into.mkdir()
        manifest = unpack(house.pieces(raw), into, password, 1 << 30)
        assert manifest.without == (() if has else ("nas",))
        assert (b"unveiled" in (into / "store.db").read_bytes()) == has
        assert b"unveiled" not in raw
        shutil.rmtree(tmp_path / "work")


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("SELECT 1", "unveiled secret/unveiled password/1"),
        ("UPDATE backup_target SET enabled = 0", "unveiled secret/unveiled password/1"),
        ("DELETE FROM backup_target", "//0: secret and password of target nas"),
        ("UPDATE backup_target SET host = '192.0.2.66'", "//0: secret and password of target nas"),
        ("UPDATE backup_target SET password = ''", "unveiled secret//0: password of target nas"),
    ],
)
def test_a_target_keeps_its_secrets_or_is_off_until_it_gets_them(
    state: Path, folder: Folder, tmp_path: Path, since: str, found: str
) -> None:
    path = state / "callisto.db"
    change(path, TARGET)
    raw = house.archive(state, tmp_path / "work")
    change(path, since)
    rehearsal.read(folder, house.pieces(raw), "")
    done = work.done(folder, work.exchange(folder, job(state, ("settings",)), lambda _: None))
    noted = "".join(f": {each.partition(',')[0]}" for each in done.notes if "of target nas" in each)
    assert [f"{each}{noted}" for each in column(path, SECRETS)] == [found]
    # One more backup in between forgets nothing of what has to be given.
    shutil.rmtree(tmp_path / "work")
    rehearsal.read(folder, house.pieces(house.archive(state, tmp_path / "work")), "")
    change(path, "DELETE FROM backup_target")
    again = work.exchange(folder, job(state, ("settings",)), lambda _: None)
    assert any("secret and password of target nas" in each and "enabled on" in each for each in again.notes)
