"""Joining a caller with the leg that has answered: once, and again when the call is transferred."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from router.sip.agent import Agent
from router.sip.caller import Caller
from router.sip.leg import Leg
from router.sip.phase import Phase
from router.sip.renegotiation import Reoffer, may_ask
from router.sip.rooms import Room
from router.sip.sdp import resumed
from router.sip.switchboard import Switchboard

TRIES = 5
AGAIN = 0.5
"""Seconds until a re-INVITE that met another one is tried again (RFC 3261 section 14.1 wants a pause)."""


class Connecting:
    def __init__(self, board: Switchboard) -> None:
        self._board = board

    def connect(self, caller: Caller, agent: Agent) -> None:
        """Bridge the two. `agent` has answered; from another caller he is connected to he is taken."""
        _part(caller)
        theirs, room = agent.theirs, self._board.rooms.get(caller)
        is_taken = agent.phase is Phase.CONNECTED or agent.peer is not None
        if is_taken:
            _part(agent)
            self._take(caller, agent)
            # Before they are joined, a phone puts both on hold (RFC 5589 section 7): it ends here.
            theirs = resumed(theirs)
        caller.peer, agent.peer = agent, caller
        if is_taken and room is not None and room.holds(caller):
            self._bring_in(room, agent)
        elif agent.partner is not None:
            self._in_conference(caller, agent)
        elif caller.phase is Phase.CONNECTED:
            self._move(caller, agent, theirs)
        else:
            self._direct(caller, agent)

    def _take(self, caller: Caller, agent: Agent) -> None:
        """A phone leaves its caller, and his conference, for this one."""
        former = agent.caller
        if former is not None:
            room = self._board.rooms.get(former)
            if room is not None:
                room.leave(agent)
            if agent in former.agents:
                former.agents.remove(agent)
        agent.caller = caller
        caller.agents.append(agent)

    def _bring_in(self, room: Room, agent: Agent) -> None:
        """The caller stays with the media server, and the phone is offered a seat beside him."""

        def seated(offer: bytes) -> None:
            self._offer(agent, offer, lambda reoffer: room.describe(agent, reoffer.answer), TRIES)

        agent.acknowledge()
        room.seat(agent, seated, partial(self._lose, agent), afresh=True)

    def _direct(self, caller: Caller, agent: Agent) -> None:
        caller.partner, agent.partner = agent, caller
        caller.answer(agent.theirs)
        caller.connected()
        if not caller.offerless:
            agent.acknowledge()

    def _in_conference(self, caller: Caller, agent: Agent) -> None:
        """Both speak with the media server; the caller may have his seat from an announcement already."""
        room = self._board.rooms[caller]
        room.describe(agent, agent.theirs)
        agent.acknowledge()
        if caller.phase is Phase.CONNECTED:
            if not room.holds(caller):
                self._lose(caller, "a call that began without the media server cannot be moved to it")
        elif room.holds(caller):
            caller.answer(caller.ours)
            caller.connected()
        else:
            room.seat(caller, partial(self._answer, caller), partial(self._lose, caller))

    def _answer(self, caller: Caller, sdp: bytes) -> None:
        caller.answer(sdp)
        caller.connected()

    def _move(self, caller: Caller, agent: Agent, theirs: bytes) -> None:
        """Transfer: the caller is offered what the new phone has answered (after RFC 3725 section 4.1)."""
        agent.acknowledge()
        caller.partner, agent.partner = agent, caller
        self._offer(caller, theirs, partial(self._moved, caller, agent), TRIES)

    def _moved(self, caller: Caller, agent: Agent, reoffer: Reoffer) -> None:
        """The caller's answer is the same description as before, mostly; else the new phone learns it."""
        if reoffer.answer and reoffer.answer != agent.ours and agent.peer is caller:
            self._offer(agent, reoffer.answer, _content, TRIES)

    def _offer(self, leg: Leg, sdp: bytes, then: Callable[[Reoffer], None], tries: int) -> None:
        if leg.is_over:
            return
        if not may_ask(leg):
            self._again(leg, sdp, then, tries, "its own offer does not end")
            return

        def done(reoffer: Reoffer, status: int, reason: str) -> None:
            if status < 300:
                then(reoffer)
            elif status == 491:
                self._again(leg, sdp, then, tries, "491 Request Pending")
            elif not leg.is_over:
                self._lose(leg, f"it refused the move with {status} {reason}".rstrip())

        Reoffer(leg, sdp, done)

    def _again(self, leg: Leg, sdp: bytes, then: Callable[[Reoffer], None], tries: int, why: str) -> None:
        if tries <= 0:
            self._lose(leg, f"it could not be moved: {why}")
            return
        self._board.stack.clock.call_later(AGAIN, lambda: self._offer(leg, sdp, then, tries - 1))

    def _lose(self, leg: Leg, why: str) -> None:
        self._board.lost(leg, why)


def _part(leg: Leg) -> None:
    """Whoever was connected to this leg is left alone, for the listener to release."""
    former, leg.peer = leg.peer, None
    if former is not None:
        former.peer = None
        if former.partner is leg:
            former.partner = None
        if leg.partner is former:
            leg.partner = None


def _content(reoffer: Reoffer) -> None:
    """Both sides know the same."""
