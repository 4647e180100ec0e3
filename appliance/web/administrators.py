"""Pages for administrators: who may see them, what stands on each, and their forms."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse

from appliance.web.door import SESSION_COOKIE, Door
from appliance.web.forms import FormError, read_form
from appliance.web.ports import WebServices
from appliance.web.sessions import Session
from db.errors import StoreError
from db.office import ADMINISTRATOR
from db.variables.states import Actor

log = logging.getLogger(__name__)

TOO_OLD = "This page was too old. Load it again, then try once more."


class ElsewhereError(Exception):
    """Whoever asks is not logged in; `answer` leads to the login window."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.answer = RedirectResponse(f"/login?reason={reason}" if reason else "/login", status_code=303)


class Administrators:
    def __init__(self, services: WebServices, door: Door) -> None:
        self._services = services
        self._door = door

    async def who(self, request: Request, *, activity: bool = True, reason: str = "idle") -> Session:
        """Raises ElsewhereError, with `reason` for who was logged in, and HTTPException 403 for all but
        administrators. The application answers both."""
        session = await self._door.session(request, activity=activity)
        if session is None:
            raise ElsewhereError(reason if SESSION_COOKIE in request.cookies else "")
        if ADMINISTRATOR not in session.roles:
            raise HTTPException(403)
        return session

    async def form(self, request: Request) -> tuple[Session, dict[str, str]]:
        """Who posted a form of ours, and its fields. Raises as `who`, FormError, and HTTPException 400."""
        session = await self.who(request)
        try:
            fields = await read_form(request.headers, request.stream())
        except ClientDisconnect:
            raise HTTPException(400) from None
        if not self._door.is_ours(request, fields.get("key")):
            raise FormError(403, TOO_OLD)
        return session, fields

    def bar(self, request: Request, session: Session) -> dict[str, object]:
        """What the top of each page needs."""
        return {
            "user": session.name or session.user,
            "key": self._door.form_key(request),
            "administers": ADMINISTRATOR in session.roles,
        }

    async def note(self, request: Request, session: Session, action: str, detail: str) -> None:
        actor = actor_of(request, session)
        try:
            await self._services.audit.note(actor, action, detail)
        except StoreError:
            log.exception("audit trail not written: %s %s: %s %s", actor.user, actor.address, action, detail)


def actor_of(request: Request, session: Session) -> Actor:
    client = request.client
    return Actor(session.user, f"{client.host}:{client.port}" if client else "", "web")
