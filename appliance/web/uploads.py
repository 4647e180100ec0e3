"""A backup or an update is uploaded: administrators only, as a stream, with limits."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from appliance.web.administrators import actor_of
from appliance.web.door import Door
from appliance.web.incoming import InboxError, Incoming, Sort
from appliance.web.paper import refused_json, sentences
from appliance.web.ports import WebServices
from appliance.web.sessions import Session
from db.errors import StoreError
from db.office import ADMINISTRATOR
from shell.ports import SystemUnavailableError
from shell.update_ports import UpdateRefusedError

log = logging.getLogger(__name__)

UPDATE = Sort("update", b"hsqs", "This is no update: the file of one ends in .raucb.")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.raucb")
KEY = "x-callisto-key"
"""The header with the form key: no other site can send it."""


class Uploads:
    def __init__(self, services: WebServices, door: Door) -> None:
        self._services = services
        self._door = door
        self._updates = Incoming(services.updates_folder, UPDATE, _room_for_an_update)

    async def put(self, request: Request) -> Response:
        """PUT /files/upload: a backup. With a refusal the connection ends: what is on it is unread."""
        return await self._answered(request, self._backup)

    async def put_update(self, request: Request) -> Response:
        """PUT /update/upload/NAME: an update, which is verified wholly before it is answered."""
        return await self._answered(request, self._update)

    async def _answered(
        self, request: Request, take: Callable[[Request, Session, int], Awaitable[str]]
    ) -> Response:
        try:
            session, size = await self._admitted(request)
            detail = await take(request, session, size)
        except InboxError as exc:
            return _refused(exc.status, exc.message)
        except ClientDisconnect:
            return _refused(400, "Not all of it came.")
        except OSError as exc:
            log.error("upload: %s", exc)
            return _refused(507, f"The disk does not take it: {exc.strerror or exc}.")
        await self._note(request, session, detail)
        return JSONResponse({"bytes": size}, 201)

    async def _admitted(self, request: Request) -> tuple[Session, int]:
        """Who sends, and how many bytes. Raises InboxError."""
        session = await self._door.session(request, activity=True)
        if session is None:
            raise InboxError(401, "You are logged out. Please log in again.")
        if ADMINISTRATOR not in session.roles:
            raise InboxError(403, "Only an administrator may upload that.")
        if not self._door.is_ours(request, request.headers.get(KEY)):
            raise InboxError(403, "This page was too old. Load it again.")
        declared = request.headers.get("content-length", "")
        if not (declared.isascii() and declared.isdigit()):
            raise InboxError(411, "It does not say how large it is.")
        return session, int(declared[:18])

    async def _backup(self, request: Request, _session: Session, size: int) -> str:
        await self._services.inbox.take(size, request.stream())
        return f"a backup of {size:,} bytes"

    async def _update(self, request: Request, session: Session, size: int) -> str:
        name = request.path_params["name"]
        if not _NAME.fullmatch(name):
            raise InboxError(
                422, "Its name has to be of letters, digits, dots and dashes, and end in .raucb."
            )
        part = await self._updates.take(name, size, request.stream(), lambda part: part)
        try:
            found = await self._services.updates.add(part, actor_of(request, session))
        except UpdateRefusedError as exc:
            raise InboxError(422, sentences(exc.message, exc.hint)) from exc
        except SystemUnavailableError as exc:
            raise InboxError(503, f"The supervisor does not answer: {exc}. Try again in a moment.") from exc
        finally:
            part.unlink(missing_ok=True)
        return f"the update {found.name} of {size:,} bytes"

    async def _note(self, request: Request, session: Session, detail: str) -> None:
        actor = actor_of(request, session)
        try:
            await self._services.audit.note(actor, "upload", detail)
        except StoreError:
            log.exception("audit trail not written: %s %s: upload", actor.user, actor.address)


def _room_for_an_update(folder: Path) -> int:
    """Root makes a copy of its own."""
    return shutil.disk_usage(folder).free // 2


def _refused(status: int, message: str) -> Response:
    answer = refused_json(status, message)
    answer.headers["connection"] = "close"
    return answer
