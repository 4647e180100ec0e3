"""The tab Restore of the page Backup: a backup is chosen, looked through, confirmed and restored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.web.administrators import Administrators, actor_of
from appliance.web.backup import UNREACHABLE
from appliance.web.looking import Looked, Looking, LookingError
from appliance.web.paper import Paper, sentences
from appliance.web.ports import WebServices
from appliance.web.sessions import Session
from appliance.web.shelf import BACKUPS, FileRow
from appliance.web.view import moment
from db.restore.plan import EVERYTHING, chosen, lines
from shell.pages.support import size
from shell.ports import SystemUnavailableError
from shell.restore_ports import RestoreRefusedError, RestoreState

PAGE = "/backup/restore"
WORD = "restore"
NOT_THERE = "Choose a backup of the list. The one that you chose is not there any more."
NOT_CONFIRMED = f"Nothing was changed. To restore it, type {WORD}."
ANOTHER = "Nothing was changed: what you have looked through is not there any more. Choose it once more."


class Restores:
    def __init__(self, services: WebServices, paper: Paper, administrators: Administrators) -> None:
        self._services = services
        self._paper = paper
        self._administrators = administrators
        self._looking = Looking(services.restore)

    async def page(self, request: Request) -> Response:
        """GET /backup/restore; with `?look` or `?runs` it refreshes itself, which is no activity."""
        runs = "runs" in request.query_params
        session = await self._administrators.who(
            request,
            activity=not runs and "look" not in request.query_params,
            reason="restored" if runs else "idle",
        )
        return await self._page(request, session, 200)

    async def look(self, request: Request) -> Response:
        """POST /backup/restore/look: what it would change."""
        session, fields = await self._administrators.form(request)
        file = await self._file(fields.get("archive", ""))
        if file is None:
            return await self._page(request, session, 422, NOT_THERE)
        kinds = chosen(kind for kind in EVERYTHING if f"kind_{kind}" in fields)
        try:
            self._looking.begin(actor_of(request, session), file, kinds, fields.get("password", ""))
        except LookingError as exc:
            return await self._page(request, session, 409, str(exc))
        return RedirectResponse(f"{PAGE}?look", status_code=303)

    async def leave(self, request: Request) -> Response:
        """POST /backup/restore/leave"""
        session, _ = await self._administrators.form(request)
        if self._looking.of(session.user):
            self._looking.leave()
        return RedirectResponse(PAGE, status_code=303)

    async def begin(self, request: Request) -> Response:
        """POST /backup/restore/begin"""
        session, fields = await self._administrators.form(request)
        looked = self._looking.of(session.user)
        if looked is None or looked.plan is None or await self._file(looked.file.name) != looked.file:
            return await self._page(request, session, 409, ANOTHER)
        if fields.get("word", "").strip().casefold() != WORD:
            return await self._page(request, session, 422, NOT_CONFIRMED)
        try:
            await self._services.restore.begin(
                actor_of(request, session), looked.file.name, looked.kinds, looked.password
            )
        except RestoreRefusedError as exc:
            return await self._page(request, session, 409, sentences(exc.message, exc.hint))
        except SystemUnavailableError as exc:
            return await self._page(request, session, 503, UNREACHABLE.format(exc))
        self._looking.leave()
        return RedirectResponse(f"{PAGE}?runs", status_code=303)

    async def _file(self, name: str) -> FileRow | None:
        return next((each for each in await self._files() if each.name == name), None)

    async def _files(self) -> tuple[FileRow, ...]:
        uploaded = await self._services.inbox.there()
        here = await self._services.shelf.rows(BACKUPS)
        return here if uploaded is None else (uploaded, *here)

    async def _page(self, request: Request, session: Session, status: int, error: str = "") -> Response:
        state: RestoreState | None = None
        try:
            state = await self._services.restore.state()
        except SystemUnavailableError as exc:
            error = error or UNREACHABLE.format(exc)
        looked = self._looking.of(session.user)
        services = self._services
        values: dict[str, object] = {
            "phase": _phase(state, looked),
            "state": state,
            "ended": sentences(state.result, state.hint) if state else "",
            "looked": looked,
            "plan": _plan(looked),
            "refused": sentences(*looked.refused) if looked else "",
            "error": error,
            "kinds": EVERYTHING,
            "rows": [
                {
                    "name": row.name,
                    "size": size(row.size),
                    "at": moment(row.changed, services.now(), services.zone),
                }
                for row in await self._files()
            ],
        }
        bar = self._administrators.bar(request, session)
        return self._paper.page("restore.html", status, values | bar)


def _phase(state: RestoreState | None, looked: Looked | None) -> str:
    if state is not None and not state.done:
        return "runs"
    if looked is None or looked.refused[0]:
        return "choose"
    return "looks" if looked.plan is None else "plan"


def _plan(looked: Looked | None) -> list[str]:
    return lines(looked.plan) if looked and looked.plan else []
