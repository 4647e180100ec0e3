"""Which PBX peers are alive, which one a call tries first, and when to ask them again. Pure.

Times are monotonic seconds. A peer is known by what it answers: its OPTIONS pings, and the calls sent to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from router.model import Peer

FAILOVER = 1.5
"""Seconds a call waits for the first response before it tries the next peer."""
PING_WAIT = 1.0
"""Seconds an OPTIONS waits for its answer."""
LOST_PINGS = 2
"""So many lost in a row and the peer is down."""
REST = 30.0
"""Seconds after which a peer that is down and never pinged is worth a call again."""


class Reach(Enum):
    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class Outcome(Enum):
    """What a call says of the peer it was sent to."""

    ANSWERED = "answered"
    """Any response but 503: somebody is there."""
    UNAVAILABLE = "unavailable"
    """503: it may be one line of a gateway, so it says neither up nor down."""
    SILENT = "silent"
    """No response within FAILOVER, or the transport broke."""


@dataclass(frozen=True, slots=True)
class PeerState:
    """`since`: when `reach` became so. `pinged`: when the last ping ended. `lost`: pings, in a row."""

    reach: Reach = Reach.UNKNOWN
    since: float = 0.0
    pinged: float | None = None
    lost: int = 0


def alive(status: int | None) -> bool:
    """Whether this answer to an OPTIONS, or None for no answer, is that of a peer that takes calls."""
    return status is not None and status != 503


def after_ping(state: PeerState, ok: bool, at: float) -> PeerState:
    """`ok`: see `alive`."""
    if ok:
        return replace(_now(state, Reach.UP, at), pinged=at, lost=0)
    lost = state.lost + 1
    reach = Reach.DOWN if lost >= LOST_PINGS else state.reach
    return replace(_now(state, reach, at), pinged=at, lost=lost)


def after_call(state: PeerState, outcome: Outcome, at: float) -> PeerState:
    match outcome:
        case Outcome.ANSWERED:
            return replace(_now(state, Reach.UP, at), lost=0)
        case Outcome.UNAVAILABLE:
            return state
        case Outcome.SILENT:
            return _now(state, Reach.DOWN, at)


def _now(state: PeerState, reach: Reach, at: float) -> PeerState:
    return state if state.reach is reach else replace(state, reach=reach, since=at)


def candidates(peers: Iterable[Peer], states: Mapping[str, PeerState], at: float) -> tuple[Peer, ...]:
    """All peers in the order in which a call tries them. `states` by name; who is not in it is unknown.

    By priority, those known to be up first among equals, then as configured; those that are down last of all.
    """

    def rank(peer: Peer) -> tuple[bool, int, bool]:
        state = states.get(peer.name, PeerState())
        down = state.reach is Reach.DOWN and not _rested(peer, state, at)
        return down, peer.priority, state.reach is not Reach.UP

    return tuple(sorted(peers, key=rank))


def _rested(peer: Peer, state: PeerState, at: float) -> bool:
    return peer.ping_s == 0 and at - state.since >= REST


def next_due(peer: Peer, state: PeerState) -> float | None:
    """When the next ping is due, at once when that is past; None for a peer that is never pinged."""
    if peer.ping_s <= 0:
        return None
    if state.pinged is None:
        return state.since
    if state.reach is Reach.DOWN and state.pinged < state.since:
        return state.since  # a call says so: was it the peer, or that call?
    if 0 < state.lost < LOST_PINGS:
        return state.pinged
    return state.pinged + peer.ping_s


# Registrations (RFC 3261 section 10.2)

SHORTEST_RETRY = 5.0
LONGEST_RETRY = 300.0


def refresh_after(expires: float) -> float:
    """Seconds after which a registration that lasts `expires` seconds is renewed."""
    return 0.8 * expires


def retry_after(failures: int, jitter: float) -> float:
    """Seconds until the next try after so many failures in a row (from 1). `jitter`: from 0 to 1, by chance,
    so that a PBX that comes back is not met by everybody at once."""
    longest = min(LONGEST_RETRY, SHORTEST_RETRY * 2.0 ** min(failures, 30))
    return longest * (1 + jitter) / 2
