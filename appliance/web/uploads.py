"""A backup is uploaded: administrators only, as a stream, with limits."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from appliance.web.door import Door
from appliance.web.inbox import Inbox, InboxError
from appliance.web.paper import refused_json
from appliance.web.ports import WebServices
from appliance.web.sessions import Session
from db.errors import StoreError
from db.office import ADMINISTRATOR
from db.variables.states import Actor

log = logging.getLogger(__name__)

KEY = "x-callisto-key"
"""The header with the form key: no other site can send it."""


class Uploads:
    def __init__(self, services: WebServices, door: Door) -> None:
        self._services = services
        self._door = door
        self._inbox: Inbox = services.inbox

    async def put(self, request: Request) -> Response:
        """PUT /files/upload; the connection ends with any refusal, since what is on it is unread."""
        try:
            return await self._put(request)
        except InboxError as exc:
            return _refused(exc.status, exc.message)
        except ClientDisconnect:
            return _refused(400, "Not all of it came.")
        except OSError as exc:
            log.error("upload of a backup: %s", exc)
            return _refused(507, f"The disk does not take it: {exc.strerror or exc}.")

    async def _put(self, request: Request) -> Response:
        session = await self._door.session(request, activity=True)
        if session is None:
            return _refused(401, "You are logged out. Please log in again.")
        if ADMINISTRATOR not in session.roles:
            return _refused(403, "Only an administrator may upload a backup.")
        if not self._door.is_ours(request, request.headers.get(KEY)):
            return _refused(403, "This page was too old. Load it again.")
        declared = request.headers.get("content-length", "")
        if not (declared.isascii() and declared.isdigit()):
            return _refused(411, "It does not say how large it is.")
        await self._inbox.take(int(declared[:18]), request.stream())
        await self._note(request, session, int(declared[:18]))
        return JSONResponse({"bytes": int(declared[:18])}, 201)

    async def _note(self, request: Request, session: Session, size: int) -> None:
        peer = f"{request.client.host}:{request.client.port}" if request.client else ""
        try:
            await self._services.audit.note(
                Actor(session.user, peer, "web"), "upload", f"a backup of {size:,} bytes"
            )
        except StoreError:
            log.exception("audit trail not written: %s %s: upload", session.user, peer)


def _refused(status: int, message: str) -> Response:
    answer = refused_json(status, message)
    answer.headers["connection"] = "close"
    return answer
