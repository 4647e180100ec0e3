"""What the shell needs to update the image. Filled over the control socket, by a fake in tests.

Everything raises SystemUnavailableError when the supervisor does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from db.variables.states import Actor

Kind = Literal["system", "application"]
Standing = Literal["verifying", "ready", "refused", "installed", "running", "previous"]
"""Of a bundle. `installed`: a system update in the other slot, which a reboot starts."""
What = Literal["verify", "fetch", "install", "back", "reboot"]


class UpdateRefusedError(Exception):
    """What cannot be done with an update, or not now. `hint`: the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Update:
    """A bundle on this machine. `effects`: what installing it does, a line each for people; `verdict_reason`,
    `hint`: why it cannot be installed, or only as a downgrade, both empty when it can; `downgrade`: it is
    installable only when that is said. One that is refused may lack kind, version and time."""

    name: str
    size: int
    state: Standing
    kind: Kind | Literal[""] = ""
    version: str = ""
    installable: bool = False
    downgrade: bool = False
    verdict_reason: str = ""
    hint: str = ""
    effects: tuple[str, ...] = ()
    signer: str = ""
    built_at: datetime | None = None
    reboots: bool = False
    """Whether the machine starts anew for it; otherwise the services do. Either way, calls are cut."""
    notes: str = ""
    """One line of its maker."""


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What is being done, is planned (`at`), or was done last. `doing`, `percent`: how far it is; `result`:
    what came of it in words, empty while it goes on."""

    number: int
    what: What
    name: str
    who: str
    began: datetime
    doing: str = "begins"
    percent: int = 0
    done: bool = False
    failed: bool = False
    result: str = ""
    hint: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an update once; `back` and a fall-back too. `what`: installed, confirmed, fell back,
    went back, refused (nothing has changed), failed (what runs has not changed). `start`, `end`
    versions; may be empty."""

    at: datetime
    kind: str
    start: str
    end: str
    ok: bool
    what: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What an administrator has to know at his login. `outcome`: until it was seen; `backup`: until a new
    one was made."""

    text: str
    hint: str = ""
    kind: Literal["outcome", "backup"] = "outcome"


class Updates(Protocol):
    """Whatever changes something raises UpdateRefusedError; when one goes on already, it says whose it is."""

    async def listed(self) -> Sequence[Update]:
        """Newest version first; those refused last."""

    async def add(self, path: Path, actor: Actor) -> Update:
        """A file that is in `<state>/updates` as NAME.part already, or any other of this machine, which is
        copied. Returns when all of it was verified. One whose signature or content is bad is not kept, and
        UpdateRefusedError says why; one that is good but does not fit this machine is listed as refused."""

    async def install(
        self, name: str, actor: Actor, *, downgrade: bool = False, at: datetime | None = None
    ) -> UpdateState:
        """It goes on by itself. A system update ends as `installed`; `reboot` starts it. `at`: it is planned,
        and replaces what was planned; one of the past is refused."""

    async def cancel(self, actor: Actor) -> UpdateState:
        """What was planned, which is not done now. Raises UpdateRefusedError when nothing is."""

    async def delete(self, name: str, actor: Actor) -> None:
        """Not one that runs, is the way back, or is being installed."""

    async def back(self, actor: Actor) -> UpdateState:
        """To the application or the system before, whichever is the last that was changed."""

    async def lost_by_back(self) -> Sequence[str]:
        """What `back` takes away beside the version, in sentences; none where nothing is lost."""

    async def reboot(self, actor: Actor) -> UpdateState:
        """Into the system update that is installed; without one, the same system again."""

    async def fetch(self, target: str, name: str, actor: Actor) -> UpdateState:
        """From a target of backups; it is verified then, and listed. It goes on by itself."""

    async def state(self) -> UpdateState | None:
        """None when there has been none since the start, and none is planned."""

    def follow(self) -> AsyncGenerator[UpdateState, None]:
        """Each state from the present one to the end; one that is planned is told once. Whoever stops reading
        stops nothing."""

    async def history(self) -> Sequence[Outcome]:
        """Newest first."""

    async def notices(self) -> Sequence[Notice]: ...

    async def seen(self, actor: Actor) -> None:
        """Notices of outcomes are not given again, to nobody."""
