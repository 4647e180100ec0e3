"""The login window: who may come in, who is in, and how he gets out."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from appliance.web.forms import FormError, read_form
from appliance.web.paper import Paper
from appliance.web.ports import WebServices
from appliance.web.sessions import FormKeys, Session, Sessions
from db.errors import StoreError
from db.variables.states import Actor
from shell.login import ROLES, hint_of
from shell.ports import Account
from shell.safe import safe

log = logging.getLogger(__name__)

SESSION_COOKIE = "callisto_session"
FORM_COOKIE = "callisto_form"
INCORRECT = "User name or password is not right."
TOO_OLD = "This page was too old. Please log in again."
MUST_CHANGE = "This password stood on the console. Log in by Telnet first: there you choose another one."
REASONS = {
    "idle": "You were logged out, or the web service was restarted. Please log in again.",
    "restored": "The web server was started again, as a restore needs it. Log in: Backup, Restore says what"
    " came of it. If a password is refused, try the one of when the backup was made.",
    "updated": "You were logged out, or an update has started the web server anew. Log in: Updates says what"
    " came of it.",
    "out": "You are logged out.",
}
DEFAULT_TIMEOUT_MIN = 20


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    message: str
    retry_after_s: int | None = None


class Door:
    """Sessions by cookie. `gWebTimeout` is read at every look, so a change is in force at once."""

    def __init__(self, services: WebServices, paper: Paper) -> None:
        self._services = services
        self._paper = paper
        self._sessions = Sessions()
        self._keys = FormKeys()
        self._timeout_min = DEFAULT_TIMEOUT_MIN

    async def session(self, request: Request, *, activity: bool) -> Session | None:
        """Who asks. `activity`: he did something himself, which a page that refreshes itself does not."""
        token = request.cookies.get(SESSION_COOKIE)
        if not token:
            return None
        limit = await self._idle_limit_s()
        now = self._services.monotonic()
        session = self._sessions.find(token, now, limit)
        if session is not None and activity:
            self._sessions.touch(token, now)
        return session

    def form_key(self, request: Request) -> str:
        """For the forms on a page of somebody who is logged in."""
        return self._keys.of(request.cookies.get(SESSION_COOKIE, ""))

    def is_ours(self, request: Request, key: str | None) -> bool:
        """Whether `key` is what `form_key` gave to whoever asks."""
        return self._keys.fits(request.cookies.get(SESSION_COOKIE), key)

    async def window(self, request: Request) -> Response:
        """GET /login"""
        if await self.session(request, activity=True):
            return RedirectResponse("/", status_code=303)
        return self._form(request, note=REASONS.get(request.query_params.get("reason", ""), ""))

    async def log_in(self, request: Request) -> Response:
        """POST /login"""
        try:
            fields = await read_form(request.headers, request.stream())
        except FormError as exc:
            return self._paper.error(exc.status, exc.message, close=True)
        except ClientDisconnect:
            return Response(status_code=400)
        if not self._keys.fits(request.cookies.get(FORM_COOKIE), fields.get("key")):
            return self._form(request, status=403, error=TOO_OLD, user=fields.get("user", ""))
        user = fields.get("user", "").strip()
        found = await self._check(request, user, fields.get("password", ""))
        if isinstance(found, _Refusal):
            await self._note(request, "", "login failed", f"{hint_of(user)}: {found.message}")
            return self._form(
                request,
                status=found.status,
                error=found.message,
                user=user,
                retry_after_s=found.retry_after_s,
            )
        await self._note(request, found.user, "login", "")
        return self._let_in(request, found)

    async def log_out(self, request: Request) -> Response:
        """POST /logout"""
        try:
            fields = await read_form(request.headers, request.stream())
        except FormError as exc:
            return self._paper.error(exc.status, exc.message, close=True)
        except ClientDisconnect:
            return Response(status_code=400)
        token = request.cookies.get(SESSION_COOKIE)
        if not self._keys.fits(token, fields.get("key")):
            return self._paper.error(403, "This page was too old. Load it again, then log out.")
        session = self._sessions.close(token or "")
        if session is not None:
            await self._note(request, session.user, "logout", "")
        answer = RedirectResponse("/login?reason=out", status_code=303)
        secure = request.url.scheme == "https"
        answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    async def _check(self, request: Request, user: str, password: str) -> Account | _Refusal:
        """The account, or why not. Unknown names and wrong passwords read the same."""
        throttle, address = self._services.throttle, _address(request)
        verdict = throttle.attempt(address, self._services.monotonic())
        if verdict.wait_s:
            wait = math.ceil(verdict.wait_s)
            text = f"Too many failed logins from your address. Try again in {wait} s."
            return _Refusal(429, text, retry_after_s=wait)
        if verdict.delay_s:
            await asyncio.sleep(verdict.delay_s)
        try:
            account = await self._services.accounts.verify(user, password)
        except StoreError as exc:
            throttle.withdrawn(address)
            log.exception("nobody can log in")
            return _Refusal(503, f"Nobody can log in now: {exc.message}.")
        if account is None:
            return _Refusal(403, INCORRECT)
        throttle.succeeded(address)
        if self._services.must_change(account.user, password):
            return _Refusal(403, MUST_CHANGE)
        if not account.roles & ROLES:
            return _Refusal(403, f"{account.user} has neither of the roles administrator and support.")
        return account

    def _let_in(self, request: Request, account: Account) -> Response:
        self._sessions.close(request.cookies.get(SESSION_COOKIE, ""))
        session = Session(
            account.user, account.name, account.roles, _address(request), self._services.monotonic()
        )
        answer = RedirectResponse("/", status_code=303)
        self._set(answer, request, SESSION_COOKIE, self._sessions.open(session))
        return answer

    def _form(
        self,
        request: Request,
        *,
        status: int = 200,
        error: str = "",
        note: str = "",
        user: str = "",
        retry_after_s: int | None = None,
    ) -> Response:
        cookie = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
        answer = self._paper.page(
            "login.html",
            status,
            {"key": self._keys.of(cookie), "error": error, "note": note, "user": user[:64]},
        )
        self._set(answer, request, FORM_COOKIE, cookie)
        if retry_after_s is not None:
            answer.headers["retry-after"] = str(retry_after_s)
        return answer

    def _set(self, answer: Response, request: Request, name: str, value: str) -> None:
        secure = request.url.scheme == "https"
        answer.set_cookie(name, value, httponly=True, samesite="strict", secure=secure)

    async def _idle_limit_s(self) -> float | None:
        """From `gWebTimeout`, in minutes, 0 never; the last known while the store is away."""
        try:
            self._timeout_min = int((await self._services.variables.get("gWebTimeout")).value)
        except (StoreError, ValueError):
            log.warning("gWebTimeout cannot be read; %d minutes stay in force", self._timeout_min)
        return self._timeout_min * 60.0 if self._timeout_min > 0 else None

    async def _note(self, request: Request, user: str, action: str, detail: str) -> None:
        client = request.client
        peer = f"{client.host}:{client.port}" if client else ""
        try:
            await self._services.audit.note(Actor(user, peer, "web"), action, safe(detail)[:1000])
        except StoreError:
            log.exception("audit trail not written: %s %s: %s %s", user, peer, action, safe(detail))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
