"""What root remembers of updates, as JSON files that are written whole or not at all.

application.json  which application runs, and which one ran before it
trial.json        a system update that is being tried; none otherwise
slots.json        which version is in which slot, and which of them waits for a reboot
outcome.json      what became of the last request, update or start; history.jsonl: of the last HISTORY
progress.json     how far the present request is
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Slot = Literal["A", "B"]
What = Literal["installed", "confirmed", "fell back", "refused", "failed", "went back"]
"""Refused: nothing has changed. Failed: what runs has not, the other slot has."""
HISTORY = 50
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Application:
    """`system`: the version of the system that it was installed on; on another one, it does not run."""

    file: str
    version: str
    system: str


@dataclass(frozen=True, slots=True)
class Applications:
    """None: the one that the system has built in. `trial`: `current` has not answered yet. `request`: which
    one has chosen it."""

    current: Application | None = None
    previous: Application | None = None
    trial: bool = False
    request: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A slot that was made the first choice, and has not answered yet. `reasons`: why not, try by try.
    `start`: the version that it replaces. `returns`: it is the way back that an administrator chose."""

    slot: Slot
    version: str
    start: str
    began: float
    id: str = ""
    who: str = ""
    reasons: tuple[str, ...] = ()
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Slots:
    """`versions`: by slot, as far as there is a system to start. `waits`: the slot that was written and waits
    for a reboot. `answered`: the one whose services answered last."""

    versions: Mapping[str, str] = field(default_factory=dict)
    waits: Slot | None = None
    answered: Slot | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`start`, `end`: versions. `at`: Unix seconds."""

    id: str
    kind: str
    start: str
    end: str
    ok: bool
    what: What
    reason: str
    at: float
    who: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the supervisor asks for. `do`: install, reboot or back. `file`: a name on the shelf. `kind`: of
    that file, as far as it can be told; not asked for."""

    id: str
    do: str
    file: str = ""
    downgrade: bool = False
    who: str = ""
    kind: str = "system"


class Records:
    """The files in one folder. What cannot be read is as if it were not there: a machine has to start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def applications(self) -> Applications:
        found = _read(self._folder / "application.json")
        return Applications(
            _application(found.get("current")),
            _application(found.get("previous")),
            found.get("trial") is True,
            _text(found, "request"),
        )

    def keep_applications(self, now: Applications) -> None:
        self._write("application.json", asdict(now))

    def trial(self) -> Trial | None:
        found = _read(self._folder / "trial.json")
        slot = found.get("slot")
        if slot not in ("A", "B"):
            return None
        return Trial(
            slot=slot,
            version=_text(found, "version"),
            start=_text(found, "start"),
            began=_number(found, "began"),
            id=_text(found, "id"),
            who=_text(found, "who"),
            reasons=tuple(str(one) for one in found.get("reasons") or ()),
            returns=found.get("returns") is True,
        )

    def keep_trial(self, now: Trial | None) -> None:
        if now is None:
            (self._folder / "trial.json").unlink(missing_ok=True)
            _sync(self._folder)
        else:
            self._write("trial.json", asdict(now))

    def slots(self) -> Slots:
        found = _read(self._folder / "slots.json")
        versions = found.get("versions")
        waits, answered = found.get("waits"), found.get("answered")
        return Slots(
            {str(name): str(one) for name, one in versions.items()} if isinstance(versions, dict) else {},
            waits if waits in ("A", "B") else None,
            answered if answered in ("A", "B") else None,
        )

    def keep_slots(self, now: Slots) -> None:
        self._write("slots.json", {**asdict(now), "versions": dict(now.versions)})

    def outcome(self) -> Outcome | None:
        found = _read(self._folder / "outcome.json")
        try:
            return Outcome(**found) if found else None
        except TypeError:
            return None

    def tell_outcome(self, outcome: Outcome) -> None:
        """History first: whoever sees the outcome finds it there too."""
        path = self._folder / "history.jsonl"
        line = json.dumps(asdict(outcome), sort_keys=True)
        try:
            kept = path.read_text(errors="replace").splitlines()[-(HISTORY - 1) :]
        except OSError:
            kept = []
        if not kept or kept[-1] != line:
            self._write_text(path.name, "\n".join([*kept, line]) + "\n")
        self._write("outcome.json", asdict(outcome))

    def announce(self, outcome: Outcome) -> None:
        """What comes of it, before it has: not the outcome of its request yet, and in no history."""
        self._write("outcome.json", asdict(replace(outcome, id=announced(outcome.id))))

    def tell_progress(self, request: Request, doing: str, percent: int) -> None:
        self._write("progress.json", {"id": request.id, "doing": doing, "percent": percent})

    def progress_of(self) -> str:
        """The identity of the last request that something was done for."""
        return _text(_read(self._folder / "progress.json"), "id")

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        self._write_text(name, json.dumps(value, sort_keys=True) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        beside = path.with_name(f"{name}.new")
        with beside.open("w") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync(self._folder)


def request_of(path: Path) -> Request | None:
    """None if there is none that can be understood."""
    found = _read(path)
    made = Request(
        id=_text(found, "id"),
        do=_text(found, "do"),
        file=_text(found, "file"),
        downgrade=found.get("downgrade") is True,
        who=_text(found, "who"),
    )
    return made if made.id and made.do else None


def announced(request: str) -> str:
    """The identity of what is announced for that request."""
    return f"{request} announced"


def without_current(now: Applications) -> Applications:
    """The one before it runs again; what did not answer is not gone back to."""
    return replace(now, current=now.previous, previous=None, trial=False, request="")


def _application(found: object) -> Application | None:
    if not isinstance(found, dict) or not _text(found, "file"):
        return None
    return Application(_text(found, "file"), _text(found, "version"), _text(found, "system"))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:200] if isinstance(value, str) else ""


def _number(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
