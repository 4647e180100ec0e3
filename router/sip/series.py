"""Requests to a PBX peer outside any call: OPTIONS and REGISTER."""

from __future__ import annotations

from collections.abc import Mapping

from router.model import Peer
from router.sip.grammar import bracketed, escape
from router.sip.message import Request
from router.sip.net import Flow

_DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_NOBODY = "callisto"


class Series:
    """Requests of one kind to one peer: a Call-ID and a From tag for all of them, CSeq from 1."""

    __slots__ = ("_call_id", "_peer", "_tag", "cseq")

    def __init__(self, peer: Peer, call_id: str, tag: str) -> None:
        self._peer = peer
        self._call_id = call_id
        self._tag = tag
        self.cseq = 0

    def next(
        self, method: str, flow: Flow, *, sender: str, to: str, headers: Mapping[str, list[str]]
    ) -> Request:
        """The next request. `sender` and `to`: SIP URIs for From and To."""
        self.cseq += 1
        common = {
            "Max-Forwards": ["70"],
            "From": [f"<{sender}>;tag={self._tag}"],
            "To": [f"<{to}>"],
            "Call-ID": [self._call_id],
            "CSeq": [f"{self.cseq} {method}"],
            "Contact": [f"<{contact(flow, self._peer.user)}>"],
        }
        return Request(method, peer_uri(self._peer), {**common, **headers}, b"")


def peer_uri(peer: Peer) -> str:
    """The peer itself, without a user."""
    port = "" if peer.port == _DEFAULT_PORTS.get(peer.transport) else f":{peer.port}"
    return f"sip:{bracketed(peer.host)}{port}{_transport(peer.transport)}"


def account(peer: Peer) -> str:
    """The address of record under which we are known to the peer."""
    return f"sip:{escape(peer.user or _NOBODY)}@{bracketed(peer.host)}"


def contact(flow: Flow, user: str) -> str:
    """Where the far end of a flow reaches us."""
    host, port = flow.local
    return f"sip:{escape(user or _NOBODY)}@{bracketed(host)}:{port}{_transport(flow.transport.lower())}"


def _transport(transport: str) -> str:
    return "" if transport == "udp" else f";transport={transport}"
