"""What the shell relies on of backups, on the fake, on the job and over the control socket; and the job."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appliance.backups import Backups, Carried
from appliance.config import Config
from appliance.control.backup import ControlBackup, handlers
from appliance.control.client import ControlClient
from appliance.control.server import ControlServer
from appliance.store_keeper import StoreKeeper
from appliance.targets.ports import Listed, Stored, TargetError
from db.backup.folder import LOCK, kept, pieces
from db.backup.progress import Progress, Tell
from db.backup.proof import prove
from db.variables.states import Actor
from shell.backup_ports import Backup, BackupRefusedError, BackupState
from shell.ports import SystemUnavailableError
from tests.fakes.backup import FakeBackup

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
BEA = Actor("bea", "", "cli")
SECRET = "a long sentence: größer"


@dataclass
class Place:
    port: Backup
    folder: Path | None = None


def configured(folder: Path) -> Config:
    """As on a machine after its first start; paths to programs as they are here."""
    return Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(folder)}, folder)


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("CALLISTO_")}


async def opened(config: Config) -> StoreKeeper:
    keeper = StoreKeeper(config.store_url, config.store_url, "ucm")
    await keeper.open()
    return keeper


@pytest.fixture(params=["fake", "job", "control socket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "fake":
        yield Place(FakeBackup())
        return
    config = configured(tmp_path)
    keeper = await opened(config)
    backups = Backups(config, environment(), keeper)
    if request.param == "job":
        yield Place(backups, config.backups)
    else:
        path = tmp_path / "control.sock"
        async with ControlServer(path, handlers(backups)), ControlClient(path) as control:
            yield Place(ControlBackup(control), config.backups)
    await backups.close()
    keeper.close()


async def last(port: Backup) -> BackupState:
    found: list[BackupState] = []
    async with asyncio.timeout(60), aclosing(port.follow()) as states:
        async for state in states:
            found.append(state)
    assert [state.done for state in found[:-1]] == [False] * (len(found) - 1)
    return found[-1]


async def test_before_the_first_one_there_is_none(place: Place) -> None:
    assert await place.port.state() is None
    assert [state async for state in place.port.follow()] == []
    assert list(await place.port.kept()) == []


async def test_it_is_made_and_kept_and_told(place: Place) -> None:
    begun = await place.port.begin(ANNA, "", SECRET)
    assert (begun.number, begun.who, begun.encrypted) == (1, "anna", True)
    done = await last(place.port)
    assert (done.done, done.failed, done.percent, done.number) == (True, False, 100, 1)
    assert " rows" in done.result
    (stays,) = await place.port.kept()
    assert stays.name == done.file
    assert await place.port.state() == done
    assert (await place.port.begin(ANNA, "", "")).number == 2
    assert not (await last(place.port)).encrypted
    if place.folder:
        assert {each.stat().st_mode & 0o777 for each in kept(place.folder)} == {0o600}


async def test_what_cannot_be_is_refused_with_its_way_out(place: Place) -> None:
    for destination, password in (("nowhere", ""), ("", "short")):
        with pytest.raises(BackupRefusedError) as refused:
            await place.port.begin(ANNA, destination, password)
        assert refused.value.hint
    assert await place.port.state() is None


# The job


class Vault:
    """A target that holds what it was given."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.failure: TargetError | None = None

    def put(self, name: str, chunks: Iterable[bytes], tell: Tell) -> Stored:
        if self.failure:
            raise self.failure
        raw = self.held[name] = b"".join(chunks)
        tell(Progress(len(raw), len(raw), "carries it to the vault"))
        return Stored(len(raw), hashlib.sha256(raw).hexdigest())

    def names(self) -> Sequence[Listed]:
        return ()

    def get(self, name: str) -> Iterator[bytes]:
        return iter([self.held[name]])

    def delete(self, name: str) -> None:
        del self.held[name]

    def test(self) -> Iterator[str]:
        return iter(())


class Slow:
    """A destination that is reached when `go` is set."""

    name = "the vault"

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def deliver(self, file: Path, tell: Callable[[Progress], None]) -> str:
        await self.go.wait()
        return "it is there"


@pytest.fixture
async def job(tmp_path: Path) -> AsyncIterator[Backups]:
    config = replace(configured(tmp_path), keep_backups=2)
    keeper = await opened(config)
    backups = Backups(config, environment(), keeper)
    yield backups
    await backups.close()
    keeper.close()


async def notes(tmp_path: Path) -> list[str]:
    keeper = await opened(configured(tmp_path))
    found = await keeper.do(lambda store: store.audit.latest(9))
    keeper.close()
    return [f"{each.actor.user} {each.action} {each.detail}" for each in found]


async def test_it_is_good_with_its_password_and_in_the_audit_trail_without(
    job: Backups, tmp_path: Path
) -> None:
    await job.begin(ANNA, "", SECRET)
    done = await last(job)
    file = tmp_path / "backups" / done.file
    assert prove(pieces(file), SECRET, tmp_path).manifest.rows["users"] >= 0
    (note,) = await notes(tmp_path)
    assert note.startswith(f"anna backup {done.file}: ")
    assert SECRET not in note


async def test_a_second_one_is_told_who_makes_the_first_which_goes_on_when_nobody_looks(job: Backups) -> None:
    vault = Slow()
    job.start(ANNA, vault, "")
    with pytest.raises(BackupRefusedError, match="to the vault is being made, by anna") as refused:
        await job.begin(BEA)
    assert refused.value.hint
    vault.go.set()
    assert (await last(job)).result.startswith("it is there; ")


async def test_it_is_carried_to_a_target_when_it_is_proven(job: Backups, tmp_path: Path) -> None:
    vault = Vault()
    job.start(ANNA, Carried("the vault", vault), SECRET)
    done = await last(job)
    assert "it is on the vault" in done.result
    assert (tmp_path / "backups" / done.file).read_bytes() == vault.held[done.file]


async def test_a_target_that_fails_is_said_and_the_backup_stays_here(job: Backups, tmp_path: Path) -> None:
    vault = Vault()
    vault.failure = TargetError("the vault is shut", "open it")
    job.start(ANNA, Carried("the vault", vault), "")
    done = await last(job)
    assert (done.failed, done.result, done.hint) == (True, "the vault is shut", "open it")
    assert len(kept(tmp_path / "backups")) == 1
    assert "anna backup refused: the vault is shut" in await notes(tmp_path)


async def test_without_a_store_the_reason_is_told(job: Backups, tmp_path: Path) -> None:
    for each in tmp_path.glob("callisto.db*"):
        each.unlink()
    await job.begin(ANNA)
    done = await last(job)
    assert done.failed
    assert "there is no store" in done.result
    assert kept(tmp_path / "backups") == ()


async def test_while_the_store_is_repaired_there_is_none(tmp_path: Path) -> None:
    config = configured(tmp_path)
    keeper = StoreKeeper(config.store_url, config.store_url, "ucm")
    with pytest.raises(BackupRefusedError, match="is being repaired"):
        await Backups(config, {}, keeper, lambda: "the store is being repaired").begin(ANNA)


async def test_cut_short_it_leaves_nothing_of_its_name(job: Backups, tmp_path: Path) -> None:
    await job.begin(ANNA)
    async with asyncio.timeout(30), aclosing(job.follow()) as states:
        async for state in states:
            if state.doing != "begins":
                break
    await job.close()
    state_now = await job.state()
    assert state_now is not None
    assert state_now.failed
    assert [each.name for each in (tmp_path / "backups").iterdir()] in ([], [LOCK])


async def test_a_process_that_is_killed_is_told_and_leaves_nothing(job: Backups, tmp_path: Path) -> None:
    await job.begin(ANNA)
    async with asyncio.timeout(30), aclosing(job.follow()) as states:
        async for state in states:
            if state.doing != "begins":
                break
    assert job.child is not None
    os.kill(job.child, signal.SIGKILL)
    done = await last(job)
    assert (done.failed, done.result) == (True, "no backup was made: killed by SIGKILL")
    assert [each.name for each in (tmp_path / "backups").iterdir()] == [LOCK]
    await job.begin(ANNA)
    assert not (await last(job)).failed


async def test_without_a_supervisor_it_is_said(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as control:
        with pytest.raises(SystemUnavailableError):
            await ControlBackup(control).begin(ANNA, "", "")
