"""The page Backup: one is made, fetched, deleted. For administrators."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from appliance.web.administrators import Administrators, actor_of
from appliance.web.paper import Paper, sentences
from appliance.web.ports import WebServices
from appliance.web.shelf import BACKUPS
from appliance.web.view import moment
from shell.backup_ports import HERE, BackupRefusedError, BackupState
from shell.pages.support import size
from shell.ports import SystemUnavailableError

log = logging.getLogger(__name__)

PAGE = "/backup"
NOT_THE_SAME = "The two passwords are not the same. Nothing was begun; type both again."
IN_USE = "This backup is being restored. Delete it when that is done."
UNREACHABLE = "The supervisor does not answer: {}. Load the page again in a moment."


class Backups:
    """What is here is read from the folder itself, so that it can be fetched when the supervisor is away."""

    def __init__(self, services: WebServices, paper: Paper, administrators: Administrators) -> None:
        self._services = services
        self._paper = paper
        self._administrators = administrators

    async def page(self, request: Request) -> Response:
        """GET /backup; with `?look` it is the page that refreshes itself, which is no activity."""
        session = await self._administrators.who(request, activity="look" not in request.query_params)
        return await self._page(200, self._administrators.bar(request, session))

    async def begin(self, request: Request) -> Response:
        """POST /backup"""
        session, fields = await self._administrators.form(request)
        bar = self._administrators.bar(request, session)
        password = fields.get("password", "")
        if password != fields.get("again", ""):
            return await self._page(422, bar, NOT_THE_SAME)
        try:
            await self._services.backup.begin(actor_of(request, session), HERE, password)
        except BackupRefusedError as exc:
            return await self._page(409, bar, sentences(exc.message, exc.hint))
        except SystemUnavailableError as exc:
            return await self._page(503, bar, UNREACHABLE.format(exc))
        return RedirectResponse(f"{PAGE}?look", status_code=303)

    async def download(self, request: Request) -> Response:
        """GET /backup/file/NAME"""
        session = await self._administrators.who(request)
        found = await self._services.shelf.open_of(BACKUPS, request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        headers = {
            "content-disposition": f'attachment; filename="{found.name}"',
            "content-length": str(found.size),
            "cache-control": "no-store",
        }
        if request.method == "HEAD":
            found.close()
            return Response(headers=headers, media_type=BACKUPS.media_type)
        await self._administrators.note(request, session, "download", found.name)
        return StreamingResponse(found.blocks(), headers=headers, media_type=BACKUPS.media_type)

    async def ask(self, request: Request) -> Response:
        """GET /backup/delete/NAME: the question before."""
        session = await self._administrators.who(request)
        name = request.path_params["name"]
        rows = await self._services.shelf.rows(BACKUPS)
        found = next((row for row in rows if row.name == name), None)
        if found is None:
            raise HTTPException(404)
        values = {"name": name, "size": size(found.size), "last": len(rows) == 1}
        return self._paper.page(
            "backup_delete.html", 200, values | self._administrators.bar(request, session)
        )

    async def delete(self, request: Request) -> Response:
        """POST /backup/delete/NAME"""
        session, _ = await self._administrators.form(request)
        name = request.path_params["name"]
        if await self._is_restored(name):
            return self._paper.error(409, IN_USE)
        if not await self._services.shelf.remove(BACKUPS, name):
            raise HTTPException(404)
        await self._administrators.note(request, session, "delete", name)
        return RedirectResponse(PAGE, status_code=303)

    async def _is_restored(self, name: str) -> bool:
        try:
            state = await self._services.restore.state()
        except SystemUnavailableError:
            return False
        return state is not None and not state.done and state.archive == name

    async def _page(self, status: int, bar: dict[str, object], error: str = "") -> Response:
        services = self._services
        state: BackupState | None = None
        try:
            state = await services.backup.state()
        except SystemUnavailableError as exc:
            error = error or UNREACHABLE.format(exc)
        rows = [
            {
                "name": row.name,
                "size": size(row.size),
                "made": moment(row.changed, services.now(), services.zone),
            }
            for row in await services.shelf.rows(BACKUPS)
        ]
        values: dict[str, object] = {"rows": rows, "state": state, "error": error}
        values["failed"] = sentences(state.result, state.hint) if state else ""
        values["there"] = state is not None and any(row["name"] == state.file for row in rows)
        return self._paper.page("backup.html", status, values | bar)
