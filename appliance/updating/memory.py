"""What has to be known after a restart: what was asked for, what is planned, what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

from db.variables.states import Actor, Channel
from db.whole import read_json, write_json
from shell.update_ports import What


@dataclass(frozen=True, slots=True)
class Job:
    """Something that root does. `id`: by which its outcome is known; `schema`: of the store, and `boot`: of
    the machine, when it began. `ended`: what came of it is written down."""

    number: int
    what: What
    name: str
    id: str
    user: str
    address: str
    channel: str
    began: datetime
    schema: str = ""
    boot: str = ""
    ended: bool = False

    @property
    def actor(self) -> Actor:
        return Actor(self.user, self.address, _channel(self.channel))


@dataclass(frozen=True, slots=True)
class Plan:
    number: int
    name: str
    at: datetime
    downgrade: bool
    user: str
    address: str
    channel: str
    began: datetime

    @property
    def actor(self) -> Actor:
        return Actor(self.user, self.address, _channel(self.channel))


@dataclass(frozen=True, slots=True)
class Told:
    """`seen`: the outcome that somebody has said he knows. `schema`: of the store, when nothing was on trial
    last. `backup_since`: from when on a backup is one of the present schema, "" when there is one; `was`:
    the schema before."""

    seen: str = ""
    schema: str = ""
    was: str = ""
    backup_since: str = ""


class Memory:
    """In the folder of the bundles. Reading never raises; writing raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._job, self._plan, self._told = (folder / f"{name}.json" for name in ("job", "planned", "told"))

    def job(self) -> Job | None:
        return cast("Job | None", _read(self._job, Job, "began"))

    def keep_job(self, job: Job) -> None:
        _write(self._job, job)

    def plan(self) -> Plan | None:
        return cast("Plan | None", _read(self._plan, Plan, "began", "at"))

    def keep_plan(self, plan: Plan | None) -> None:
        if plan is None:
            self._plan.unlink(missing_ok=True)
        else:
            _write(self._plan, plan)

    def told(self) -> Told:
        return cast("Told | None", _read(self._told, Told)) or Told()

    def keep_told(self, told: Told) -> None:
        _write(self._told, told)


def _write(path: Path, content: Job | Plan | Told) -> None:
    plain = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(content).items()
    }
    write_json(path, plain)


def _read(path: Path, form: type[Job | Plan | Told], *times: str) -> Job | Plan | Told | None:
    found: Mapping[str, Any] | None = read_json(path)
    if found is None:
        return None
    try:
        at = {name: datetime.fromisoformat(found[name]).astimezone(UTC) for name in times}
        return form(**{**found, **at})
    except (KeyError, TypeError, ValueError):
        return None


def _channel(name: str) -> Channel:
    known: tuple[Channel, ...] = get_args(Channel)
    return next((each for each in known if each == name), "system")
