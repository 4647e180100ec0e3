"""An INVITE on behalf of a caller: where it may go, and what it says of him."""

from __future__ import annotations

from router.ports import Identity, LegId, Media, Target
from router.sip import identity
from router.sip.agent import Agent, Place
from router.sip.caller import Caller
from router.sip.grammar import GrammarError, bracketed, parse_uri
from router.sip.net import Flow, NetworkError
from router.sip.phase import Phase
from router.sip.sdp import resumed
from router.sip.seating import Seating
from router.sip.switchboard import Switchboard

_PASSED_ON = ("Alert-Info", "Call-Info", "Subject", "Priority", "User-To-User", "Accept-Language")
"""Headers of a caller's INVITE that the phone gets as they came, besides those of identity.py."""


class NowhereError(Exception):
    """A target that cannot be dialled. `status`: what its leg is told."""

    def __init__(self, problem: str, status: int = 503) -> None:
        super().__init__(problem)
        self.status = status


class Dialling:
    def __init__(self, board: Switchboard, seating: Seating) -> None:
        self._board = board
        self._seating = seating

    def dial(
        self,
        leg: LegId,
        target: Target,
        *,
        offer_of: LegId,
        caller: Identity,
        media: Media,
        diverted_by: str,
    ) -> None:
        """See `router.ports.Signalling.dial`. Raises NowhereError."""
        board = self._board
        calling = board.legs.get(offer_of)
        if board.closing:
            raise NowhereError("shutting down")
        if not isinstance(calling, Caller):
            raise NowhereError("the caller has gone")
        if len(board.legs) >= board.most_legs:
            raise NowhereError("no call leg is free")
        places = self._places(target)
        at, trusted = _host_port(places[0].flow), bool(places[0].peer)
        shown = identity.sender(calling.arrival, caller, at, trusted=trusted)
        agent = Agent(leg, board.stack, board, identity=shown, places=places, caller=calling)
        headers = {"Max-Forwards": [str(calling.forwards - 1)]}
        for name, value in identity.outgoing_headers(
            calling.arrival, caller, diverted_by, at, trusted=trusted, target=places[0].uri
        ):
            headers.setdefault(name, []).append(value)
        came = calling.tx.request.headers
        for name in _PASSED_ON:
            if name in came:
                headers[name] = came[name]
        if calling.replaces:
            headers["Replaces"] = [calling.replaces]
            calling.replaces = ""
        board.legs[leg] = agent
        calling.agents.append(agent)
        if media is Media.DIRECT and calling.partner_is_outside:
            # Who transfers has mostly put the caller on hold: the new phone is to hear him.
            offer = resumed(calling.theirs) if calling.phase is Phase.CONNECTED else calling.theirs
            agent.invite(offer, headers)
        else:
            self._seating.dial(calling, agent, headers)

    def _places(self, target: Target) -> list[Place]:
        """Where the target may be reached. Raises NowhereError."""
        found: list[Place] = []
        problem, status = "no address is given", 503
        for one in (target, *target.others):
            try:
                found.append(self._place(one))
            except NowhereError as exc:
                problem, status = str(exc), exc.status
            except (GrammarError, NetworkError) as exc:
                problem, status = str(exc), 503
        if not found:
            raise NowhereError(problem, status)
        return found

    def _place(self, target: Target) -> Place:
        uri = parse_uri(target.uri)
        transport = uri.params.get("transport", "tls" if uri.scheme == "sips" else "udp").upper()
        port = uri.port or (5061 if transport == "TLS" else 5060)
        peer = self._board.peering.peer(target.peer)
        name = peer.domain if peer is not None else ""
        flow = self._board.stack.network.flow(transport, uri.host, port, name=name)
        if flow.local == flow.remote:
            raise NowhereError(f"{target.uri} is this router itself", 482)
        return Place(target.uri, flow, target.peer)


def _host_port(flow: Flow) -> str:
    host, port = flow.local
    return f"{bracketed(host)}:{port}"
