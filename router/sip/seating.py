"""Who is brought to the media server, and how: for an announcement, or for speech that must be converted."""

from __future__ import annotations

import logging
from functools import partial
from secrets import token_hex

from router.model import Peer
from router.ports import NO_MEDIA_SERVER, LegId
from router.sip import sdp
from router.sip.agent import Agent
from router.sip.caller import Caller
from router.sip.net import NetworkError
from router.sip.phase import Phase
from router.sip.rooms import Room
from router.sip.switchboard import Switchboard

log = logging.getLogger(__name__)


class Seating:
    """The conferences of our calls."""

    def __init__(self, board: Switchboard, media: tuple[str, int] | None) -> None:
        """`media`: where the media server listens; None where there is none."""
        self._board = board
        self._media = media
        self._prefix = token_hex(4)
        """Part of the names of our conferences: those of a router before us may still be there."""

    def announce(self, caller: Caller, file: str, *, early: bool) -> None:
        """See `router.ports.Signalling.announce`."""
        board = self._board
        told = partial(self._announced, caller.id)
        room = self._room(caller)
        if room is None:
            board.later(told, NO_MEDIA_SERVER)
        else:
            room.seat(
                caller,
                caller.early if early else caller.answer,
                partial(board.lost, caller),
                play=file,
                played=told,
                dtmf=_dtmf(board.peering.peer_of(caller.dialog.flow)),
            )

    def dial(self, caller: Caller, agent: Agent, headers: dict[str, list[str]]) -> None:
        """Ring a phone with an offer of the media server."""
        room = self._room(caller)
        if room is None:
            self._no_seat(agent, NO_MEDIA_SERVER)
            return
        peer = self._board.peering.peer(agent.peer_name)
        requires = peer is not None and peer.srtp == "require"
        # Without an announcement, the two sides do not share their kind of speech: it may be for the SRTP.
        is_plain = not sdp.parse(caller.theirs).has_srtp
        room.seat(
            agent,
            partial(agent.invite, headers=headers),
            partial(self._no_seat, agent),
            srtp="require" if requires else "offer" if is_plain and not room.holds(caller) else "off",
            dtmf=_dtmf(peer),
        )
        if not requires:
            agent.otherwise = partial(self._encrypted, room, agent, _dtmf(peer))

    def _room(self, caller: Caller) -> Room | None:
        """The caller's conference, made when it is asked for; None without a media server."""
        room = self._board.rooms.get(caller)
        if room is None and self._media is not None:
            stack = self._board.stack
            try:
                flow = stack.network.flow("UDP", *self._media)
            except NetworkError as exc:
                log.error("media server at %s:%d: %s", *self._media, exc)
                return None
            room = self._board.rooms[caller] = Room(stack, flow, f"{self._prefix}.{caller.id:x}")
        return room

    def _encrypted(self, room: Room, agent: Agent, dtmf: str) -> None:
        """A phone that takes no unencrypted speech gets an offer of nothing else (RFC 3711, RFC 4568)."""
        room.leave(agent)
        room.seat(agent, agent.offer_another, partial(self._no_seat, agent), srtp="require", dtmf=dtmf)

    def _no_seat(self, agent: Agent, why: str) -> None:
        board = self._board
        if agent.phase is Phase.EARLY:
            agent.release()
            board.forget(agent)
            board.later(board.tell_refused, agent.id, 503, why)
        else:
            board.lost(agent, why)

    def _announced(self, leg: LegId, problem: str) -> None:
        if self._board.listener is not None and leg in self._board.legs:
            self._board.listener.announced(leg, problem)


def _dtmf(peer: Peer | None) -> str:
    return "" if peer is None or peer.dtmf == "auto" else peer.dtmf
