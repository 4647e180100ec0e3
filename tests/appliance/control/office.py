"""Handlers of a control socket, for tests."""

from __future__ import annotations

import asyncio

from appliance.control.protocol import MAX_LINE, RefusedError, Request
from appliance.control.server import Peer


class Office:
    """Handlers as a supervisor has them."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object, int]] = []
        self.hold = asyncio.Event()

    def handlers(self) -> dict[str, object]:
        return {
            "status": lambda request, peer: {"fine": True},
            "slow": self.slow,
            "refuse": self.refuse,
            "break": lambda request, peer: 1 / 0,
            "ready": self.note,
            "facts": self.note,
            "large": lambda request, peer: "x" * MAX_LINE,
        }

    def note(self, request: Request, peer: Peer) -> None:
        self.heard.append((request.name, request.args.get("facts"), peer.pid))

    async def slow(self, request: Request, peer: Peer) -> str:
        await self.hold.wait()
        return "done"

    async def refuse(self, request: Request, peer: Peer) -> None:
        raise RefusedError("not today", "ask tomorrow")
