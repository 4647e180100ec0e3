"""Where HTTPS is offered, strangers to this machine use it: their passwords do not go in the clear."""

from __future__ import annotations

import re
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS = "max-age=2592000"
"""Thirty days. A browser takes it only over a connection whose certificate it trusts (RFC 6797, 8.1)."""
_HOST = re.compile(r"([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class EncryptedMiddleware:
    """`tls_port` 0: there is no HTTPS, and nothing is done. Whoever is on this machine, as its health check
    is, may use HTTP, and gets no HSTS: that would reach all other ports of `localhost` too."""

    def __init__(self, app: ASGIApp, tls_port: int) -> None:
        self._app = app
        self._tls_port = tls_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._tls_port or _is_here(scope):
            await self._app(scope, receive, send)
        elif scope["scheme"] == "https":
            await self._app(scope, receive, _with_hsts(send))
        else:
            await self._elsewhere(scope)(scope, receive, send)

    def _elsewhere(self, scope: Scope) -> ASGIApp:
        found = _HOST.fullmatch(Headers(scope=scope).get("host", ""))
        if found is None or scope["method"] not in ("GET", "HEAD"):
            text = "Use https:// here. What was sent was not read.\n"
            return PlainTextResponse(text, 400, {"connection": "close"})
        port = "" if self._tls_port == 443 else f":{self._tls_port}"
        path = scope.get("raw_path") or b"/"
        query = scope.get("query_string") or b""
        target = (path + b"?" + query if query else path).decode("latin-1")
        if not target.startswith("/"):
            target = "/"
        return RedirectResponse(f"https://{found[1]}{port}{target}", 307)


def _with_hsts(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["strict-transport-security"] = HSTS
        await send(message)

    return told


def _is_here(scope: Scope) -> bool:
    """Whether the browser runs on this machine: by the loopback, or from the address that it connects to."""
    client, server = scope.get("client"), scope.get("server")
    if not client:
        return False
    if server and client[0] == server[0]:
        return True
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False
