"""The PBX peers in the supervisor's status. Pure; whatever is missing or of another kind reads as unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shell.ports import Status
from shell.reading import UNKNOWN, instant, tables, text

UP, DOWN = "up", "down"


@dataclass(frozen=True, slots=True)
class PeerState:
    """`registration`: registered, not registered, or empty when it is not wanted. `since`: of `state`."""

    name: str
    address: str
    state: str
    since: datetime | None
    registration: str
    problem: str

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to act."""
        return self.state == DOWN or self.registration == "not registered" or bool(self.problem)


def peers(status: Status) -> tuple[PeerState, ...]:
    return tuple(_peer(each) for each in tables(status, "peers"))


def problems(status: Status) -> tuple[str, ...]:
    """What is wrong with each peer, in a few words."""
    return tuple(f"peer {each.name} is {_wrong(each)}" for each in peers(status) if each.is_bad)


def _wrong(peer: PeerState) -> str:
    words = DOWN if peer.state == DOWN else peer.registration or peer.state
    return f"{words}: {peer.problem}" if peer.problem else words


def _peer(found: Mapping[str, Any]) -> PeerState:
    state = text(found, "state") or UNKNOWN
    wanted = found.get("registered")
    return PeerState(
        name=text(found, "name") or UNKNOWN,
        address=text(found, "address") or UNKNOWN,
        state=state,
        since=instant(found, "since") if state in (UP, DOWN) else None,
        registration="" if wanted is None else "registered" if wanted is True else "not registered",
        problem=text(found, "problem"),
    )
