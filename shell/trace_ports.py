"""What the shell needs of traces. Filled over the control socket by `appliance/control/trace_client.py`, by a
fake in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from db.variables.states import Actor
from shell.trace.choice import Choice
from shell.trace.record import Record


class TraceRefusedError(Exception):
    """It cannot be done; nothing has changed. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Limits:
    """When a capture ends by itself."""

    seconds: float = 600.0
    size: int = 50_000_000
    """Bytes."""


SHORTEST_S: Final = 1.0
LONGEST_S: Final = 4 * 3600.0
SMALLEST: Final = 10_000
LARGEST: Final = 200_000_000
"""What Limits may say; everything else is refused."""
RING: Final = 2000
"""Records that wait for one viewer; the oldest are left out, counted and told."""
STALLED_S: Final = 60.0
"""A viewer who has taken nothing for so long, though there was something, is seen off."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a viewer shows next. `missed`: how many records were left out before the first of these because
    the viewer, or somebody before him, was too slow. `ended`: why nothing comes any more; else empty."""

    records: tuple[Record, ...] = ()
    missed: int = 0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Capture:
    """A file with what a trace has recorded. `ended` None: it still runs. `reason`: why it ended; also of one
    that was cut off with its supervisor. `records` and `lost` (left out for want of speed) are known of one
    that runs or has ended in order, else None."""

    name: str
    by: str
    choice: Choice
    started: datetime
    ended: datetime | None
    reason: str
    size: int
    records: int | None = None
    lost: int | None = None
    watchers: int = 0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody who looks at a trace just now. `missed`: records that he has not been shown."""

    user: str
    address: str
    since: datetime
    choice: Choice
    capture: str
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Doing:
    """A process and what it does now, one line each."""

    process: str
    state: str
    pid: int | None
    doing: tuple[str, ...] = ()


class View(Protocol):
    """A trace that somebody looks at. The past that was asked for comes first."""

    @property
    def capture(self) -> str:
        """The name of the capture that keeps it; empty when there is none: `problem` says why."""

    @property
    def problem(self) -> str: ...

    @property
    def missed(self) -> int:
        """In all, so far."""

    async def next(self) -> Batch:
        """What has come since the last time, at once if there is something, but some 20 times a second at
        most. May be cancelled: nothing is lost. Every viewer of this process gets the same objects, so what
        is made of one can be made once. After a batch with `ended` there is no other."""

    async def close(self) -> None:
        """Look no more. The capture ends when nobody else looks and nobody started it by itself."""


class Trace(Protocol):
    """Everything raises TraceRefusedError for what cannot be and SystemUnavailableError when the supervisor
    does not answer."""

    async def start(self, choice: Choice, who: Actor, limits: Limits | None = None) -> View:
        """Look, and keep it in a capture: one that runs with the same choice is joined, with its limits;
        else one is begun, with `limits` or the usual ones. A view goes on without one that cannot be."""

    async def capture(self, choice: Choice, who: Actor, limits: Limits | None = None) -> str:
        """Begin a capture that nobody has to look at; its name."""

    async def stop(self, name: str, who: Actor | None = None) -> None:
        """End a capture, and with it the views that it belongs to."""

    async def mark(self, text: str, who: Actor) -> None:
        """A line of group "mark" in every view and capture, whatever they choose."""

    async def watchers(self) -> Sequence[Watcher]: ...

    async def captures(self) -> Sequence[Capture]:
        """Newest first."""

    def read(self, name: str) -> AsyncIterator[tuple[Record, ...]]:
        """The records of a capture, also of one that runs, in blocks of bounded size."""

    async def delete(self, name: str) -> None:
        """Refused for one that runs."""

    async def processes(self) -> Sequence[Doing]: ...
