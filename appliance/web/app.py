"""The web application: which address gives what."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from appliance.web.administrators import Administrators, ElsewhereError
from appliance.web.backup import Backups
from appliance.web.door import SESSION_COOKIE, Door
from appliance.web.encrypted import EncryptedMiddleware
from appliance.web.files import Files
from appliance.web.forms import FormError
from appliance.web.headers import ProtectedMiddleware, protect
from appliance.web.paper import FOLDER, Paper, refused_json
from appliance.web.ports import WebServices
from appliance.web.restore import Restores
from appliance.web.told import ToldMiddleware
from appliance.web.updates import UpdatePage
from appliance.web.uploads import Uploads
from appliance.web.view import view
from db.office import ADMINISTRATOR
from shell.ports import Status, SystemUnavailableError

log = logging.getLogger(__name__)

MESSAGES = {
    403: "Your role may not see this.",
    404: "There is no such page.",
    405: "This address does not take that kind of request.",
}


def create_app(services: WebServices, tls_port: int = 0) -> Starlette:
    """The login window at `/login`, the status at `/` and, for programs, at `/status.json`; captures and
    support bundles at `/files`, where a backup is uploaded to be restored; backups at `/backup`, and their
    restore below it; updates at `/update`; `/healthz` tells whoever asks that the service answers.
    `tls_port`: where HTTPS is; 0: nowhere."""
    paper = Paper(services.version)
    pages = _Pages(services, paper, Door(services, paper))
    files = Files(services, paper, pages.door)
    administrators = Administrators(services, pages.door)
    backups = Backups(services, paper, administrators)
    restores = Restores(services, paper, administrators)
    updates = UpdatePage(services, paper, administrators)
    uploads = Uploads(services, pages.door)
    return Starlette(
        routes=[
            Route("/", pages.status),
            Route("/login", pages.door.window),
            Route("/login", pages.door.log_in, methods=["POST"]),
            Route("/logout", pages.door.log_out, methods=["POST"]),
            Route("/status/part", pages.part),
            Route("/status.json", pages.json),
            Route("/files", files.page),
            Route("/files/upload", uploads.put, methods=["PUT"]),
            Route("/files/{folder}/{name}", files.download),
            Route("/backup", backups.page),
            Route("/backup", backups.begin, methods=["POST"]),
            Route("/backup/file/{name}", backups.download),
            Route("/backup/delete/{name}", backups.ask),
            Route("/backup/delete/{name}", backups.delete, methods=["POST"]),
            Route("/backup/restore", restores.page),
            Route("/backup/restore/look", restores.look, methods=["POST"]),
            Route("/backup/restore/leave", restores.leave, methods=["POST"]),
            Route("/backup/restore/begin", restores.begin, methods=["POST"]),
            Route("/update", updates.page),
            Route("/update/upload/{name}", uploads.put_update, methods=["PUT"]),
            *(
                Route(f"/update/{verb}", getattr(updates, verb), methods=["POST"])
                for verb in ("install", "back", "reboot", "cancel", "delete", "seen")
            ),
            Route("/healthz", _healthy),
            Mount("/static", _Static(directory=FOLDER / "static"), name="static"),
        ],
        middleware=[
            Middleware(ToldMiddleware),
            Middleware(ProtectedMiddleware),
            Middleware(EncryptedMiddleware, tls_port=tls_port),
        ],
        exception_handlers={
            HTTPException: pages.refused,
            ElsewhereError: pages.elsewhere,
            FormError: pages.unread,
            Exception: pages.broken,
        },
    )


class _Static(StaticFiles):
    """Files that hold nothing private: kept by the browser, and asked for again each time."""

    async def get_response(self, path: str, scope: object) -> Response:
        answer = await super().get_response(path, scope)  # type: ignore[arg-type]
        answer.headers["cache-control"] = "no-cache"
        return answer


class _Pages:
    def __init__(self, services: WebServices, paper: Paper, door: Door) -> None:
        self.door = door
        self._services = services
        self._paper = paper

    async def status(self, request: Request) -> Response:
        session = await self.door.session(request, activity=True)
        if session is None:
            was_in = SESSION_COOKIE in request.cookies
            return RedirectResponse("/login?reason=idle" if was_in else "/login", status_code=303)
        values = await self._status_values()
        values |= {
            "user": session.name or session.user,
            "key": self.door.form_key(request),
            "administers": ADMINISTRATOR in session.roles,
        }
        return self._paper.page("status.html", 200, values)

    async def part(self, request: Request) -> Response:
        """What the page fetches to refresh itself: no activity of its user."""
        if await self.door.session(request, activity=False) is None:
            return PlainTextResponse("logged out", 401)
        return self._paper.page("status_part.html", 200, await self._status_values())

    async def json(self, request: Request) -> Response:
        """The supervisor's status as it is; no activity either."""
        if await self.door.session(request, activity=False) is None:
            return refused_json(401, "not logged in")
        try:
            return JSONResponse(await self._services.system.status())
        except SystemUnavailableError as exc:
            return refused_json(503, f"the supervisor does not answer: {exc}")

    async def refused(self, _request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        answer = self._paper.error(exc.status_code, MESSAGES.get(exc.status_code, exc.detail))
        answer.headers.update(exc.headers or {})
        return answer

    async def elsewhere(self, _request: Request, exc: Exception) -> Response:
        assert isinstance(exc, ElsewhereError)
        return exc.answer

    async def unread(self, _request: Request, exc: Exception) -> Response:
        assert isinstance(exc, FormError)
        return self._paper.error(exc.status, exc.message, close=True)

    async def broken(self, request: Request, _exc: Exception) -> Response:
        """Starlette logs the exception and gives this answer outside of all middleware."""
        log.error("%s %s failed", request.method, request.url.path)
        answer = self._paper.error(500, "Something went wrong here. The log of the web service says what.")
        protect(answer.headers)
        return answer

    async def _status_values(self) -> dict[str, object]:
        status: Status = {}
        unreachable = ""
        try:
            status = await self._services.system.status()
        except SystemUnavailableError as exc:
            unreachable = str(exc)
        return {
            "view": view(status, self._services.now(), self._services.zone),
            "unreachable": unreachable,
        }


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")
