"""When the journal is due for a round, and what is known of the last one. Pure, but for `Memory`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from db.journal.keeping import Round

LONGEST = 64_000_000
"""Bytes of the journal since the last snapshot: replayed in half a minute."""
LATE = timedelta(hours=26)
AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """`lacks`: no snapshot leads to where the store is. `journal_bytes`: since the newest one."""

    lacks: bool
    journal_bytes: int


@dataclass(frozen=True, slots=True)
class Last:
    """The last round. `round` None: it could not be carried out, `refused` says why, `hint` what to do."""

    at: datetime
    round: Round | None
    refused: str = ""
    hint: str = ""

    @property
    def problem(self) -> str:
        return self.refused or (self.round.finding if self.round else "")

    @property
    def remedy(self) -> str:
        return self.hint or (self.round.hint if self.round else "")

    def words(self) -> str:
        if self.round is None or self.problem:
            return f"{self.problem}; {self.remedy}" if self.remedy else self.problem
        since = self.round.since
        compared = (
            "nothing to compare with yet"
            if since is None
            else f"the same as snapshot {since} and {self.round.records} changes after it"
        )
        return f"{compared}; snapshot {self.round.generation}, {self.round.bytes / 1e6:.1f} MB"


def due(seen: Seen, last: Last | None, now: datetime) -> str:
    """Why there is to be a round now, besides that of the night; empty for no reason."""
    refused = last is not None and bool(last.refused)
    recent = last is not None and timedelta() <= now - last.at < AGAIN_AFTER
    if seen.lacks and not (refused and recent):
        return "no snapshot leads to the store"  # it has not been this one that the last round looked at
    if last is not None and last.problem and recent:
        return ""
    if seen.journal_bytes > LONGEST:
        return f"{seen.journal_bytes / 1e6:.0f} MB of journal since the last snapshot"
    if last is None or now - last.at > LATE:
        return "the last night was missed"
    return ""


class Memory:
    """The last round, in a file. What cannot be read is not known."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Last | None:
        try:
            found = json.loads(self._path.read_bytes())
            made = Round(**found["round"]) if found["round"] else None
            return Last(datetime.fromisoformat(found["at"]), made, found["refused"], found["hint"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, last: Last) -> None:
        """A disk that cannot be written is told of elsewhere."""
        part = self._path.with_name(self._path.name + ".part")
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump({**asdict(last), "at": last.at.isoformat()}, file)
                file.flush()
                os.fsync(handle)
            part.replace(self._path)


def told(found: Mapping[str, Any], at: datetime) -> Last:
    """What the child process said. Raises ValueError, TypeError for anything else."""
    if "refused" in found:
        return Last(at, None, str(found["refused"]), str(found.get("hint", "")))
    return Last(at, Round(**found["round"]))
