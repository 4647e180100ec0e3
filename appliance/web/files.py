"""The page Files, and what is fetched from it: for administrators and for support."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from appliance.web.door import SESSION_COOKIE, Door
from appliance.web.paper import Paper
from appliance.web.ports import WebServices
from appliance.web.sessions import Session
from appliance.web.shelf import KINDS
from appliance.web.view import moment
from db.errors import StoreError
from db.office import ADMINISTRATOR
from db.variables.states import Actor
from shell.login import ROLES
from shell.pages.support import size

log = logging.getLogger(__name__)


class Files:
    """Who is not logged in goes to the login window; who has neither role is refused with 403."""

    def __init__(self, services: WebServices, paper: Paper, door: Door) -> None:
        self._services = services
        self._paper = paper
        self._door = door

    async def page(self, request: Request) -> Response:
        """GET /files"""
        session = await self._door.session(request, activity=True)
        if session is None:
            was_in = SESSION_COOKIE in request.cookies
            return RedirectResponse("/login?reason=idle" if was_in else "/login", status_code=303)
        _permit(session)
        services = self._services
        shelves = []
        for kind in KINDS:
            rows = [
                {
                    "name": row.name,
                    "size": size(row.size),
                    "changed": moment(row.changed, services.now(), services.zone),
                    "address": f"/files/{kind.folder}/{row.name}",
                }
                for row in await services.shelf.rows(kind)
            ]
            shelves.append({"id": kind.folder, "title": kind.title, "none": kind.none, "rows": rows})
        values = {
            "shelves": shelves,
            "may_upload": ADMINISTRATOR in session.roles,
            "uploaded": await self._uploaded(),
            "administers": ADMINISTRATOR in session.roles,
            "user": session.name or session.user,
            "key": self._door.form_key(request),
        }
        return self._paper.page("files.html", 200, values)

    async def _uploaded(self) -> dict[str, object] | None:
        row = await self._services.inbox.there()
        services = self._services
        if row is None:
            return None
        changed = moment(row.changed, services.now(), services.zone)
        return {"name": row.name, "size": size(row.size), "changed": changed}

    async def download(self, request: Request) -> Response:
        """GET /files/FOLDER/NAME"""
        session = await self._door.session(request, activity=True)
        if session is None:
            return RedirectResponse("/login", status_code=303)
        _permit(session)
        found = await self._services.shelf.open(request.path_params["folder"], request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        await self._note(request, session, found.name)
        headers = {
            "content-disposition": f'attachment; filename="{found.name}"',
            "content-length": str(found.size),
            "cache-control": "no-store",
        }
        if request.method == "HEAD":
            found.close()
            return Response(headers=headers, media_type=found.kind.media_type)
        return StreamingResponse(found.blocks(), headers=headers, media_type=found.kind.media_type)

    async def _note(self, request: Request, session: Session, name: str) -> None:
        peer = f"{request.client.host}:{request.client.port}" if request.client else ""
        try:
            await self._services.audit.note(Actor(session.user, peer, "web"), "download", name)
        except StoreError:
            log.exception("audit trail not written: %s %s: download %s", session.user, peer, name)


def _permit(session: Session) -> None:
    if not session.roles & ROLES:
        raise HTTPException(403)
