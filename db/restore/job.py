"""A restore, step by step, as it is kept on the disk while it goes on and as the last one afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, assert_never

from db.backup.manifest import Kind
from db.whole import read_json, write_json


class Step(StrEnum):
    """In their order."""

    READ = "read the backup"
    SAVE = "back up the present state"
    STOP_WEB = "stop the web server"
    BUILD = "build the new store"
    FILES = "put the files in place"
    EXCHANGE = "put the new store in place"
    START_WEB = "start the web server"
    LOOK = "look whether everything answers"
    GO_BACK = "put the former state back"
    DONE = "done"
    UNDONE = "undone"
    """It has failed, or was killed too early: the state is as it was."""


class Left(Enum):
    """What a killed restore leaves to do."""

    NOTHING = "nothing"
    UNDO = "undo"
    FINISH = "finish"
    LOOK = "look"
    GO_BACK = "go back"


_PERCENT = dict(zip(Step, (0, 30, 55, 60, 75, 85, 88, 92, 95, 100, 100), strict=True))


def percent(step: Step) -> int:
    """How much is done when the step begins."""
    return _PERCENT[step]


def ended(step: Step) -> bool:
    return step in (Step.DONE, Step.UNDONE)


def left_by(step: Step) -> Left:
    match step:
        case Step.READ | Step.SAVE | Step.STOP_WEB | Step.BUILD | Step.FILES:
            return Left.UNDO
        case Step.EXCHANGE:
            return Left.FINISH
        case Step.START_WEB | Step.LOOK:
            return Left.LOOK
        case Step.GO_BACK:
            return Left.GO_BACK
        case Step.DONE | Step.UNDONE:
            return Left.NOTHING
        case _:
            assert_never(step)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is restored to: the store's file, the state folder, and the store's last revision that
    is known. `server`: the store is in a PostgreSQL server, and `store` stands for it. `config`: the present
    configuration, if there is a file of it."""

    store: Path
    state: Path
    floor: int = 0
    server: bool = False
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """`stamp` names it and its files; `who` began it; `archive`: what it is called; `store`: its file;
    `state`: the state folder; `floor`: the store's last revision that is known; `was`: the store's files when
    they were looked at last; `server`: there is none, `store` stands for a server, and `was` has the number
    of its transaction; `config`: the present configuration, empty for none. `saved`: the backup of the
    present state, empty when none could be made, `lacks` says why; `notes`: what to know afterwards.
    `result`: what came of it; `failed`: that is bad news."""

    stamp: str
    who: str
    began: str
    archive: str
    store: str
    state: str
    kinds: tuple[Kind, ...]
    floor: int = 0
    step: Step = Step.READ
    was: tuple[int, ...] = ()
    saved: str = ""
    lacks: str = ""
    notes: tuple[str, ...] = ()
    result: str = ""
    hint: str = ""
    failed: bool = False
    ended: str = ""
    server: bool = False
    config: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "step": self.step.name}


def new(who: str, archive: str, place: Place, kinds: tuple[Kind, ...], at: datetime) -> Job:
    return Job(
        f"{at:%Y%m%d-%H%M%S}", who, at.isoformat(), archive, str(place.store.absolute()),
        str(place.state.absolute()), kinds, place.floor, server=place.server,
        config=str(place.config or ""),
    )  # fmt: skip


def of_json(found: Mapping[str, Any]) -> Job:
    """Raises ValueError for what is no job."""
    try:
        lists = {name: tuple(found[name]) for name in ("kinds", "was", "notes")}
        return Job(**{**found, **lists, "step": Step[str(found["step"])]})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no job of a restore: {exc}") from exc


class Folder:
    """Where the job and what it has unpacked are: `<state>/restore`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unpacked = path / "unpacked"

    def place(self, store: Path | None, state: Path, floor: int = 0, config: Path | None = None) -> Place:
        """`store`: its file; None for one in a server."""
        return Place(store or self.path / "server.db", state, floor, store is None, config)

    def aside(self, job: Job) -> Path:
        """For what the job's files replace."""
        return self.path / job.stamp

    def job(self) -> Job | None:
        """The last one; None also when the file cannot be read."""
        found = read_json(self.path / "job.json")
        with suppress(ValueError):
            return of_json(found) if found else None
        return None

    def keep(self, job: Job) -> None:
        write_json(self.path / "job.json", job.as_json())
