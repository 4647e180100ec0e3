"""The part of an update that root does, as the supervisor sees it: a request to write, a unit to start, and
files to read (docs/decisions/0019). What cannot be read is not known."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.services.systemctl import Systemctl, SystemctlError
from appliance.updating.memory import Memory
from appliance.updating.standing import Before, Systems
from db.whole import read_json, write_json
from firmware.update.machine import UPDATES, application, booted, system_version
from shell.update_ports import Outcome

UNIT = "appliance-update.service"
REQUEST = "request.json"
FORMAT = 1
_ENDED = ("inactive", "failed")


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome, and which request it is of; empty for what nobody had asked for."""

    id: str
    told: Outcome


@dataclass(frozen=True, slots=True)
class Unit:
    """How the unit is started, and whether it is at work."""

    start: Callable[[], Coroutine[Any, Any, None]]
    works: Callable[[], Awaitable[bool]]


def unit_of(env: Mapping[str, str]) -> Unit:
    """Over systemctl; `start` returns when it has done its work, and raises SystemctlError."""
    systemctl = Systemctl(env)

    async def start() -> None:
        await systemctl.do("start", UNIT)

    async def works() -> bool:
        try:
            found = await systemctl.show([UNIT], ("Id", "ActiveState"))
        except SystemctlError:
            return True  # nothing is known
        return found.get(UNIT, {}).get("ActiveState", "inactive") not in _ENDED

    return Unit(start, works)


class RootSide:
    """`root`: where the machine's files are; `folder`: ours, where the request goes."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._request = folder / REQUEST
        self.slot = booted(root)
        self._root = root
        self._there = root / UPDATES
        self._boot = root / "proc/sys/kernel/random/boot_id"

    def ask(self, do: str, number: str, who: str, file: str, *, downgrade: bool) -> None:
        """Raises OSError."""
        asked = {"format": FORMAT, "do": do, "file": file, "downgrade": downgrade, "who": who, "id": number}
        write_json(self._request, asked)

    def boot(self) -> str:
        """Another one after each start of the machine; "" where there is none."""
        try:
            return self._boot.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""

    def progress(self, number: str) -> tuple[str, int]:
        """What is being done for that request, and how many percent of it all."""
        found = read_json(self._there / "progress.json") or {}
        percent = found.get("percent")
        if found.get("id") != number or not isinstance(percent, (int, float)):
            return "", 0
        return str(found.get("doing") or "")[:100], min(max(int(percent), 0), 99)

    def outcome(self) -> Ended | None:
        """The last one of all."""
        return _ended(read_json(self._there / "outcome.json"))

    def history(self) -> Sequence[Ended]:
        """Newest first."""
        try:
            lines = (self._there / "history.jsonl").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return ()
        found = (_ended(_object(line)) for line in reversed(lines))
        return tuple(one for one in found if one is not None)

    def on_trial(self) -> bool:
        """Whether something runs that has not proven itself yet."""
        application = read_json(self._there / "application.json") or {}
        return application.get("trial") is True or self.system_on_trial()

    def system_on_trial(self) -> bool:
        return read_json(self._there / "trial.json") is not None

    def applications(self) -> tuple[str, str]:
        """The files of the bundle that runs and of the one before; empty for what is built in."""
        found = read_json(self._there / "application.json") or {}
        return _file(found.get("current")), _file(found.get("previous"))

    def before(self) -> Before:
        """What `back` leads to: from an application update to the application before it, else to the other
        system, with the application that ran on it."""
        found, systems = read_json(self._there / "application.json") or {}, self.systems()
        if application(self._root):
            return Before(_file(found.get("previous")), systems.booted or system_version(self._root))
        current = found.get("current")
        ran_there = isinstance(current, Mapping) and current.get("system") == systems.other
        return Before(_file(current) if ran_there else "", systems.other)

    def systems(self) -> Systems:
        found = read_json(self._there / "slots.json") or {}
        given, waits = found.get("versions"), found.get("waits")
        versions = given if isinstance(given, Mapping) else {}
        other = {"A": "B", "B": "A"}.get(self.slot, "")
        return Systems(
            str(versions.get(self.slot) or ""), str(versions.get(other) or ""), bool(other) and waits == other
        )


def fell_back(folder: Path, root: Path) -> bool:
    """Whether an update did not stay, or is just being taken back: what came of it is written last."""
    side, job = RootSide(folder, root), Memory(folder).job()
    last = side.outcome()
    if last is not None and last.told.what == "fell back":
        return True
    return bool(side.slot) and job is not None and not job.ended


def _file(found: object) -> str:
    return str(found.get("file") or "") if isinstance(found, Mapping) else ""


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _ended(found: Mapping[str, Any] | None) -> Ended | None:
    """As firmware.switch.records.Outcome is written."""
    if found is None:
        return None
    try:
        at = datetime.fromtimestamp(float(found["at"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    kind, start, end, what, reason, who = (
        str(found.get(key) or "")[:500] for key in ("kind", "start", "end", "what", "reason", "who")
    )
    told = Outcome(at, kind, start, end, found.get("ok") is True, what, reason, who)
    return Ended(str(found.get("id") or ""), told)
