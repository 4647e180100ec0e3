"""A dialog as one side of it keeps it (RFC 3261 section 12): tags, sequence numbers, route, remote target."""

from __future__ import annotations

from secrets import token_hex

from router.sip.grammar import GrammarError, parse_name_addr, parse_uri
from router.sip.message import Request, Response
from router.sip.net import Flow, Network, NetworkError

SDP = "application/sdp"
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY"
SUPPORTED = "100rel, replaces, timer"


def new_tag() -> str:
    """64 random bits: RFC 3261 section 19.3 asks for 32."""
    return token_hex(8)


class Dialog:
    """Early and confirmed alike. `local` and `remote` are the From and To values of requests sent in it."""

    __slots__ = (
        "call_id",
        "contact",
        "flow",
        "hop",
        "local",
        "local_seq",
        "local_tag",
        "remote",
        "remote_seq",
        "remote_tag",
        "routes",
        "target",
    )

    def __init__(
        self, call_id: str, *, local: str, local_tag: str, remote: str, target: str, flow: Flow
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = ""
        self.target = target
        self.flow = flow
        self.hop: Flow | None = None
        """Where requests go, once looked up; None after the target has changed."""
        self.contact = contact_of(flow)
        self.local_seq = 0
        self.remote_seq = -1
        self.routes: list[str] = []

    @classmethod
    def accepted(cls, request: Request, tag: str, flow: Flow) -> Dialog:
        """The callee's side of the dialog that this request would make."""
        to = request.get("To")
        dialog = cls(
            request.call_id,
            local=f"{to};tag={tag}",
            local_tag=tag,
            remote=request.get("From"),
            target=f"sip:{_host_port(flow)}",  # for one who gives no Contact
            flow=flow,
        )
        dialog.remote_tag = request.from_tag
        dialog.remote_seq = request.cseq[0]
        dialog.routes = request.values("Record-Route")
        dialog.retarget(request)
        return dialog

    def renamed(self, tag: str) -> Dialog:
        """Another early dialog of the same INVITE: as if the request had been forked (section 12.1)."""
        twin = Dialog(
            self.call_id,
            local=f"{self.local.rpartition(';tag=')[0]};tag={tag}",
            local_tag=tag,
            remote=self.remote,
            target=self.target,
            flow=self.flow,
        )
        twin.remote_tag, twin.remote_seq, twin.routes = self.remote_tag, self.remote_seq, self.routes
        return twin

    def begin(self, response: Response) -> None:
        """The caller's side, made or moved to another branch of a fork by this response."""
        tag = response.to_tag
        if tag == self.remote_tag and self.hop is not None:
            return
        self.remote_tag = tag
        self.remote = response.get("To")
        self.routes = response.values("Record-Route")[::-1]
        self.retarget(response)

    def retarget(self, message: Request | Response) -> None:
        """Take over the remote target of a message that carries one (section 12.2)."""
        contact = message.get("Contact")
        if not contact:
            return
        try:
            target = parse_name_addr(contact).uri_text
        except GrammarError:
            return
        if target and target != self.target:
            self.target = target
        self.hop = None

    def request(self, method: str, *, seq: int | None = None) -> Request:
        """A request within the dialog. ACK and CANCEL give the number of their INVITE."""
        if seq is None:
            self.local_seq += 1
            seq = self.local_seq
        headers = {
            "Max-Forwards": ["70"],
            "From": [self.local],
            "To": [self.remote],
            "Call-ID": [self.call_id],
            "CSeq": [f"{seq} {method}"],
        }
        if self.routes:
            headers["Route"] = list(self.routes)
        if method in _TARGET_REFRESH:
            headers["Contact"] = [self.contact]
        return Request(method, self.target, headers, b"")

    def route(self, network: Network) -> Flow:
        """Where requests go next: the first route or the remote target, else the way the INVITE went.

        A stream is kept while it lasts; a host name is never looked up (PBX peers give addresses).
        """
        hop = self.hop
        if hop is not None and hop.alive:
            return hop
        if self.flow.reliable and self.flow.alive:
            self.hop = self.flow
        else:
            self.hop = self._next_hop(network) or self.flow
        return self.hop

    def _next_hop(self, network: Network) -> Flow | None:
        try:
            first = parse_name_addr(self.routes[0]).uri_text if self.routes else self.target
            uri = parse_uri(first)
            transport = uri.params.get("transport", "tls" if uri.scheme == "sips" else "udp").upper()
            port = uri.port or (5061 if transport == "TLS" else 5060)
            if (uri.host, port, transport) == (*self.flow.remote, self.flow.transport) and self.flow.alive:
                return self.flow
            return network.flow(transport, uri.host, port)
        except (GrammarError, NetworkError):
            return None


_TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


def _host_port(flow: Flow) -> str:
    host, port = flow.remote
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def contact_of(flow: Flow) -> str:
    """Our Contact on this flow."""
    host, port = flow.local
    bracketed = f"[{host}]" if ":" in host else host
    transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return f"<sip:callisto@{bracketed}:{port}{transport}>"
