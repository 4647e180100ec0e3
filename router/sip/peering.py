"""Who may call, and with which password we answer whom: the PBX peers as the SIP side needs them."""

from __future__ import annotations

from router.sip.digest import Credentials
from router.sip.message import MessageError, Request
from router.sip.net import Flow
from router.sip.transactions import ServerTransaction


class Peering:
    def admits(self, tx: ServerTransaction, request: Request) -> bool:
        return True

    def name_of(self, flow: Flow) -> str:
        return ""

    def credentials(self, flow: Flow) -> Credentials | None:
        return None

    def silent(self, peer: str) -> None: ...

    def malformed(self, error: MessageError, flow: Flow) -> None: ...

    def facts(self) -> dict[str, object]:
        return {}
