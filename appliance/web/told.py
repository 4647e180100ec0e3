"""Each request in the log, where somebody wants that much of it: while a trace is watched."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
LONGEST = 200


class ToldMiddleware:
    """Method, path, status and time. No query and no header: they may hold what is nobody's business."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not log.isEnabledFor(logging.DEBUG):
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            log.debug(
                "%s %s: %s after %.0f ms, for %s",
                scope["method"],
                scope["path"][:LONGEST],
                status or "no answer",
                1000 * (time.monotonic() - began),
                (scope.get("client") or ("?",))[0],
            )
