"""Updates as a job of the supervisor, with a part that is root beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3
import pytest

from appliance.config import Config
from appliance.store_keeper import StoreKeeper
from appliance.updates import Updates
from appliance.updating.around import Around
from appliance.updating.plans import LATE
from appliance.updating.shelf import VERIFIED
from db.variables.states import Actor
from firmware.build.keys import Keys
from shell.update_ports import Update, UpdateRefusedError, UpdateState
from tests.appliance.updating.machine import Machine, keys_in, signed

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
NAME = "callisto-9.1.0.raucb"
SYSTEM = "callisto-system-9.2.0.raucb"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys_in(tmp_path_factory.mktemp("keys"))


class Place:
    """`now` may be set; `others`: who else works on the store."""

    def __init__(self, config: Config, store: StoreKeeper, machine: Machine, keys: Keys) -> None:
        self.config, self.store, self.machine, self.keys = config, store, machine, keys
        self.others = ""
        self.ahead = timedelta()
        self.updates = self._made()

    def _made(self) -> Updates:
        around = Around(
            lambda: self.others, self.machine.unit, self.machine.root, self.keys.keyring,
            lambda: datetime.now(UTC) + self.ahead,
        )  # fmt: skip
        return Updates(self.config, self.store, around)

    async def restarted(self) -> Updates:
        """As when the supervisor was ended, and has started again."""
        await self.updates.close()
        self.updates = self._made()
        await self.updates.resume()
        return self.updates

    async def added(self, name: str = NAME, version: str = "9.1.0", **more: str) -> Update:
        kind = "system" if "system" in name else "application"
        file = self.config.state / name
        signed(file, self.keys, version, kind, **more)  # type: ignore[arg-type]
        return await self.updates.add(file, ANNA)

    async def audit(self) -> list[str]:
        notes = await self.store.do(lambda store: store.audit.latest(50))
        return [note.detail for note in notes if note.action == "update"]


@pytest.fixture
async def place(tmp_path: Path, keys: Keys) -> AsyncIterator[Place]:
    state = tmp_path / "state"
    state.mkdir()
    config = Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(state)}, tmp_path)
    keeper = StoreKeeper(config.store_url, config.store_url, "ucm")
    await keeper.open()
    found = Place(config, keeper, Machine(tmp_path / "root", config.updates, keys.keyring), keys)
    yield found
    if found.machine.hold is not None:
        found.machine.hold.set()
    await found.updates.close()
    keeper.close()


async def last(updates: Updates) -> UpdateState:
    found: list[UpdateState] = []
    async with asyncio.timeout(60), aclosing(updates.follow()) as states:
        async for state in states:
            found.append(state)
    return found[-1]


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110 -- of files, too
            await asyncio.sleep(0.01)


async def test_one_that_is_taken_in_is_verified_and_listed(place: Place) -> None:
    found = await place.added()
    assert (found.name, found.kind, found.version, found.state) == (NAME, "application", "9.1.0", "ready")
    assert found.installable
    assert (await place.updates.listed())[0] == found
    assert (place.config.updates / NAME).stat().st_mode & 0o777 == 0o600
    assert {each.name for each in place.config.updates.iterdir()} == {NAME, VERIFIED}
    assert await place.audit() == [f"added: {NAME}, application 9.1.0"]
    state = await place.updates.state()
    assert state is not None
    assert (state.what, state.done, state.failed) == ("verify", True, False)


async def test_one_that_came_in_as_a_part_is_taken_in_place(place: Place) -> None:
    part = place.config.updates / f"{NAME}.part"
    part.parent.mkdir()
    signed(part, place.keys, "9.1.0")
    assert (await place.updates.add(part, ANNA)).name == NAME
    assert {each.name for each in part.parent.iterdir()} == {NAME, VERIFIED}


@pytest.mark.parametrize("at", [10, 150_000, -20, -2000])
async def test_one_changed_byte_and_it_is_not_kept(place: Place, at: int) -> None:
    part = place.config.updates / f"{NAME}.part"
    part.parent.mkdir()
    content = bytearray(signed(part, place.keys, "9.1.0").read_bytes())
    content[at] ^= 1
    part.write_bytes(content)
    with pytest.raises(UpdateRefusedError):
        await place.updates.add(part, ANNA)
    assert list(part.parent.iterdir()) == []
    assert (await place.audit())[0].startswith(f"refused: {NAME}")


async def test_of_another_base_it_is_listed_and_cannot_be_installed(place: Place) -> None:
    found = await place.added(base="debian13-python3.13")
    assert (found.state, found.installable) == ("refused", False)
    with pytest.raises(UpdateRefusedError, match=r"debian13-python3\.13"):
        await place.updates.install(NAME, ANNA)


async def test_an_application_is_installed_by_root_and_confirmed(place: Place) -> None:
    await place.added()
    begun = await place.updates.install(NAME, ANNA)
    assert begun.what == "install"
    assert "anna" in place.updates.busy()
    done = await last(place.updates)
    assert (done.number, done.done, done.failed) == (begun.number, True, False)
    assert done.result == "9.1.0 runs, and everything answers"
    assert place.updates.busy() == ""
    (asked,) = place.machine.asked
    assert (asked["do"], asked["file"], asked["downgrade"], asked["who"]) == ("install", NAME, False, "anna")
    (shown,) = await place.updates.listed()
    assert shown.state == "running"
    with pytest.raises(UpdateRefusedError, match="is running"):
        await place.updates.delete(NAME, ANNA)
    assert (await place.audit())[:2] == [f"install {NAME}: {done.result}", f"begun: install {NAME}"]
    (outcome,) = await place.updates.history()
    assert (outcome.what, outcome.end, outcome.ok) == ("confirmed", "9.1.0", True)
    figures = place.updates.facts()
    assert (figures["slot"], figures["application"]) == ("A", NAME)


async def test_what_falls_back_says_why(place: Place) -> None:
    await place.added()
    place.machine.fails = "the shell did not answer"
    await place.updates.install(NAME, ANNA)
    done = await last(place.updates)
    assert done.failed
    assert done.result == "0.1.0 runs again: 9.1.0: the shell did not answer"
    (notice,) = await place.updates.notices()
    assert (notice.kind, "the shell did not answer" in notice.text) == ("outcome", True)
    await place.updates.seen(ANNA)
    assert await place.updates.notices() == ()
    assert (await (await place.restarted()).notices()) == ()


async def test_what_root_refuses_changes_nothing(place: Place) -> None:
    await place.added()
    place.machine.refuses = "it was changed meanwhile"
    await place.updates.install(NAME, ANNA)
    done = await last(place.updates)
    assert (done.failed, done.result) == (True, "it was changed meanwhile")
    assert (await place.updates.listed())[0].state == "ready"


async def test_a_part_that_is_root_and_ends_without_a_word_is_told(place: Place) -> None:
    await place.added()
    place.machine.mute = True
    await place.updates.install(NAME, ANNA)
    done = await last(place.updates)
    assert (done.failed, "without a word" in done.result) == (True, True)
    place.machine.mute = False
    await place.updates.install(NAME, ANNA)
    assert not (await last(place.updates)).failed


async def test_a_supervisor_that_is_replaced_meanwhile_follows_it_to_its_end(place: Place) -> None:
    await place.added()
    place.machine.hold = asyncio.Event()
    begun = await place.updates.install(NAME, ANNA)
    await place.machine.begun.wait()
    updates = await place.restarted()
    state = await updates.state()
    assert state is not None
    assert (state.number, state.done, state.who) == (begun.number, False, "anna")
    assert updates.busy()
    place.machine.hold.set()
    done = await last(updates)
    assert (done.number, done.failed) == (begun.number, False)
    assert (await place.audit())[0] == f"install {NAME}: 9.1.0 runs, and everything answers"
    updates = await place.restarted()
    assert await updates.state() is None  # it is told once


async def test_the_end_that_came_while_no_supervisor_ran_is_told(place: Place) -> None:
    await place.added()
    place.machine.hold = asyncio.Event()
    await place.updates.install(NAME, ANNA)
    await place.machine.begun.wait()
    await place.updates.close()
    place.machine.hold.set()
    assert place.machine.at_work is not None
    await place.machine.at_work
    done = await last(await place.restarted())
    assert (done.done, done.failed) == (True, False)


async def test_one_thing_at_a_time_and_nothing_beside_other_work_on_the_store(place: Place) -> None:
    await place.added()
    place.others = "a backup is being made, by bea"
    with pytest.raises(UpdateRefusedError, match="by bea"):
        await place.updates.install(NAME, ANNA)
    place.others = ""
    place.machine.hold = asyncio.Event()
    await place.updates.install(NAME, ANNA)
    for attempt in (place.updates.install(NAME, ANNA), place.updates.back(ANNA), place.updates.reboot(ANNA)):
        with pytest.raises(UpdateRefusedError, match="anna is at it already: install"):
            await attempt
    with pytest.raises(UpdateRefusedError, match="is being worked on"):
        await place.updates.delete(NAME, ANNA)


async def test_an_older_one_is_installed_only_when_that_is_said(place: Place) -> None:
    found = await place.added("callisto-0.0.1.raucb", "0.0.1")
    assert (found.installable, found.downgrade) == (True, True)
    with pytest.raises(UpdateRefusedError) as refused:
        await place.updates.install(found.name, ANNA)
    assert refused.value.hint == f"update install {found.name} downgrade"
    await place.updates.install(found.name, ANNA, downgrade=True)
    assert not (await last(place.updates)).failed
    assert place.machine.asked[-1]["downgrade"] is True


async def test_a_system_is_installed_and_started_by_a_reboot_that_proves_it(place: Place) -> None:
    await place.added(SYSTEM, "9.2.0")
    await place.updates.install(SYSTEM, ANNA)
    done = await last(place.updates)
    assert (done.failed, done.hint) == (False, "update reboot starts it")
    assert (await place.updates.listed())[0].state == "installed"
    await place.updates.reboot(ANNA)
    assert (await last(place.updates)).result == "the machine starts anew"
    assert place.machine.asked[-1]["do"] == "reboot"
    place.machine.boot()
    place.machine.write("slots.json", {"versions": {"A": "0.1.0", "B": "9.2.0"}, "waits": None})
    (place.machine.root / "proc/cmdline").write_text("ro quiet rauc.slot=B\n")
    updates = await place.restarted()
    state = await updates.state()
    assert state is not None
    assert (state.what, state.done) == ("reboot", False)
    place.machine.outcome("confirmed", ok=True, kind="system", end="9.2.0")
    place.machine.write("trial.json", None)
    assert (await last(updates)).result == "9.2.0 runs, and everything answers"
    assert (await updates.listed())[0].state == "running"


async def test_a_reboot_without_an_update_is_one(place: Place) -> None:
    await place.updates.reboot(ANNA)
    await last(place.updates)
    assert place.machine.asked[-1]["do"] == "reboot"
    place.machine.boot()
    assert (await last(await place.restarted())).result == "the machine has started anew"


async def test_back_is_to_what_ran_before(place: Place) -> None:
    with pytest.raises(UpdateRefusedError, match="no version to go back to"):
        await place.updates.back(ANNA)
    await place.added()
    await place.updates.install(NAME, ANNA)
    await last(place.updates)
    await place.updates.back(ANNA)
    assert (await last(place.updates)).result == "0.1.0 runs again, and everything answers"
    assert place.machine.asked[-1]["do"] == "back"


def moved_store(place: Place, monkeypatch: pytest.MonkeyPatch, schema: str = "0006") -> Path:
    """The store has that schema now; what it was before an update has moved it is kept. Returns that file."""
    monkeypatch.setattr(place.store, "state", lambda: replace(StoreKeeper.state(place.store), schema=schema))
    file = place.config.state / "callisto.db"
    kept = file.with_name(f"{file.name}.before-{schema}")
    with closing(pysqlite3.connect(str(kept))) as raw:
        raw.executescript(
            "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('0005');"
        )
    return kept


async def test_what_is_lost_goes_by_the_application_before_and_not_by_the_system_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.added(schema="0005")
    await place.added(SYSTEM, "9.2.0", schema="0006")
    place.machine.write("slots.json", {"versions": {"A": "0.1.0", "B": "9.2.0"}, "waits": None})
    runs = {"file": "callisto-9.3.0.raucb", "version": "9.3.0"}
    before = {"file": NAME, "version": "9.1.0"}
    place.machine.write("application.json", {"current": runs, "previous": before, "trial": False})
    kept = moved_store(place, monkeypatch)
    (said,) = await place.updates.lost_by_back()
    assert said.startswith("The store is again as it was on")
    kept.unlink()
    (said,) = await place.updates.lost_by_back()
    assert "none from before is kept" in said
    place.machine.write("application.json", {"current": runs, "previous": None, "trial": False})
    moved_store(place, monkeypatch)
    (said,) = await place.updates.lost_by_back()
    assert said.startswith("Unless what ran before reads schema 0006")


async def test_what_is_lost_goes_by_the_system_before_with_the_application_that_runs_on_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.added(schema="0006")
    await place.added(SYSTEM, "9.2.0", schema="0005")
    release = place.machine.root / "usr/lib/os-release"
    release.write_text(release.read_text() + "IMAGE_VERSION=9.3.0\n")
    place.machine.write("slots.json", {"versions": {"A": "9.3.0", "B": "9.2.0"}, "waits": None})
    moved_store(place, monkeypatch)
    (said,) = await place.updates.lost_by_back()
    assert said.startswith("The store is again as it was on")
    other = {"file": NAME, "version": "9.1.0", "system": "9.1.0"}
    place.machine.write("application.json", {"current": other, "previous": None, "trial": False})
    assert len(await place.updates.lost_by_back()) == 1
    there = {**other, "system": "9.2.0"}
    place.machine.write("application.json", {"current": there, "previous": None, "trial": False})
    assert await place.updates.lost_by_back() == ()


async def test_what_is_planned_survives_a_restart_and_is_done_at_its_time(place: Place) -> None:
    await place.added()
    at = datetime.now(UTC) + timedelta(hours=3)
    planned = await place.updates.install(NAME, ANNA, at=at)
    assert (planned.at, planned.done) == (at, False)
    with pytest.raises(UpdateRefusedError, match="is to be installed"):
        await place.updates.delete(NAME, ANNA)
    assert [state async for state in place.updates.follow()] == [planned]
    place.ahead = timedelta(hours=3)
    updates = await place.restarted()
    await until(lambda: bool(place.machine.asked))
    done = await last(updates)
    assert (done.what, done.who, done.failed) == ("install", "anna", False)
    assert not (place.config.updates / "planned.json").exists()


async def test_what_was_planned_while_the_machine_was_off_is_not_done_later(place: Place) -> None:
    await place.added()
    await place.updates.install(NAME, ANNA, at=datetime.now(UTC) + timedelta(hours=1))
    place.ahead = timedelta(hours=1) + 2 * LATE
    updates = await place.restarted()
    await until(lambda: updates._plans.plan is None)
    done = await last(updates)
    assert (done.failed, "could not be then" in done.result) == (True, True)
    assert place.machine.asked == []


async def test_a_plan_is_replaced_cancelled_and_not_of_the_past(place: Place) -> None:
    await place.added()
    at = datetime.now(UTC) + timedelta(hours=1)
    await place.updates.install(NAME, ANNA, at=at)
    await place.updates.install(NAME, ANNA, at=at + timedelta(hours=1))
    state = await place.updates.state()
    assert state is not None
    assert state.at == at + timedelta(hours=1)
    assert "cancelled by anna" in (await place.updates.cancel(ANNA)).result
    with pytest.raises(UpdateRefusedError, match="no update is planned"):
        await place.updates.cancel(ANNA)
    with pytest.raises(UpdateRefusedError, match="has been already"):
        await place.updates.install(NAME, ANNA, at=at - timedelta(hours=2))


async def test_after_an_update_that_moves_the_store_a_backup_is_asked_for_until_there_is_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.updates.resume()
    schema = str(place.store.state().schema)
    next_one = f"{int(schema) + 1:04}"

    def moved() -> object:
        return replace(StoreKeeper.state(place.store), schema=next_one)

    place.machine.write("application.json", {"current": None, "previous": None, "trial": True})
    monkeypatch.setattr(place.store, "state", moved)
    updates = await place.restarted()
    assert await updates.notices() == ()  # it may fall back yet
    place.machine.write("application.json", {"current": None, "previous": None, "trial": False})
    (notice,) = await updates.notices()
    assert (notice.kind, schema in notice.text) == ("backup", True)
    await updates.seen(ANNA)
    updates = await place.restarted()
    assert [each.kind for each in await updates.notices()] == ["backup"]
    updates.backed_up(datetime.now(UTC) - timedelta(hours=1))
    assert [each.kind for each in await updates.notices()] == ["backup"]
    updates.backed_up(datetime.now(UTC))
    assert await updates.notices() == ()
    assert await (await place.restarted()).notices() == ()


async def test_what_did_not_come_in_wholly_goes_at_the_next_start(place: Place) -> None:
    place.config.updates.mkdir()
    part = place.config.updates / f"{NAME}.part"
    part.write_bytes(b"half of it")
    await place.restarted()
    assert not part.exists()
