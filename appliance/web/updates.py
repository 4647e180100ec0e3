"""The page Updates: what is here, what each would do; installed now or at a time, deleted, gone back from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.web.administrators import Administrators, actor_of
from appliance.web.backup import UNREACHABLE
from appliance.web.paper import Paper, sentences
from appliance.web.ports import WebServices
from appliance.web.view import moment
from db.variables.states import Actor
from shell.pages.support import size
from shell.ports import SystemUnavailableError
from shell.update_ports import Notice, Update, UpdateRefusedError, UpdateState

PAGE = "/update"
WORDS = {"install": "install", "back": "back", "reboot": "reboot"}
NO_TIME = "Nothing was begun: the time has to be a day and a time of this machine, such as 2026-11-24 02:30."


class UpdatePage:
    def __init__(self, services: WebServices, paper: Paper, administrators: Administrators) -> None:
        self._services = services
        self._paper = paper
        self._administrators = administrators

    async def page(self, request: Request) -> Response:
        """GET /update; with `?look` it refreshes itself, which is no activity."""
        look = "look" in request.query_params
        session = await self._administrators.who(
            request, activity=not look, reason="updated" if look else "idle"
        )
        return await self._page(200, self._administrators.bar(request, session))

    async def install(self, request: Request) -> Response:
        """POST /update/install, with `name`, `word`, `at` (empty: now) and `downgrade`."""

        async def begin(actor: Actor, fields: dict[str, str]) -> None:
            at = self._time(fields.get("at", ""))
            await self._services.updates.install(
                fields.get("name", ""), actor, downgrade="downgrade" in fields, at=at
            )

        return await self._done(request, begin, "install")

    async def back(self, request: Request) -> Response:
        """POST /update/back"""

        async def begin(actor: Actor, _fields: dict[str, str]) -> None:
            await self._services.updates.back(actor)

        return await self._done(request, begin, "back")

    async def reboot(self, request: Request) -> Response:
        """POST /update/reboot"""

        async def begin(actor: Actor, _fields: dict[str, str]) -> None:
            await self._services.updates.reboot(actor)

        return await self._done(request, begin, "reboot")

    async def cancel(self, request: Request) -> Response:
        """POST /update/cancel: what is planned"""

        async def begin(actor: Actor, _fields: dict[str, str]) -> None:
            await self._services.updates.cancel(actor)

        return await self._done(request, begin)

    async def delete(self, request: Request) -> Response:
        """POST /update/delete, with `name`"""

        async def begin(actor: Actor, fields: dict[str, str]) -> None:
            await self._services.updates.delete(fields.get("name", ""), actor)

        return await self._done(request, begin)

    async def seen(self, request: Request) -> Response:
        """POST /update/seen"""

        async def begin(actor: Actor, _fields: dict[str, str]) -> None:
            await self._services.updates.seen(actor)

        return await self._done(request, begin)

    async def _done(
        self,
        request: Request,
        begin: Callable[[Actor, dict[str, str]], Awaitable[None]],
        verb: str = "",
    ) -> Response:
        """`verb`: what cuts calls wants its word typed."""
        session, fields = await self._administrators.form(request)
        bar = self._administrators.bar(request, session)
        if verb and fields.get("word", "").strip().casefold() != WORDS[verb]:
            return await self._page(422, bar, f"Nothing was begun. To do it, type {WORDS[verb]}.")
        try:
            await begin(actor_of(request, session), fields)
        except ValueError:
            return await self._page(422, bar, NO_TIME)
        except UpdateRefusedError as exc:
            return await self._page(409, bar, sentences(exc.message, exc.hint))
        except SystemUnavailableError as exc:
            return await self._page(503, bar, UNREACHABLE.format(exc))
        return RedirectResponse(f"{PAGE}?look", status_code=303)

    def _time(self, text: str) -> datetime | None:
        """As the browser gives it, in the machine's zone. Raises ValueError."""
        if not text.strip():
            return None
        return datetime.strptime(text.strip().replace("T", " ")[:16], "%Y-%m-%d %H:%M").replace(
            tzinfo=self._services.zone
        )

    async def _page(self, status: int, bar: dict[str, object], error: str = "") -> Response:
        state: UpdateState | None = None
        found: Sequence[Update] = ()
        notices: Sequence[Notice] = ()
        lost: Sequence[str] = ()
        updates = self._services.updates
        try:
            state, found = await updates.state(), await updates.listed()
            with suppress(UpdateRefusedError):
                notices, lost = await updates.notices(), await updates.lost_by_back()
        except SystemUnavailableError as exc:
            error = error or UNREACHABLE.format(exc)
        values: dict[str, object] = {
            "phase": _phase(state),
            "state": state,
            "ended": state.result if state and state.done and state.what != "verify" else "",
            "at": self._moment(state.at) if state and state.at else None,
            "notices": [(each.kind, sentences(each.text, each.hint)) for each in notices],
            "rows": [self._row(each) for each in found],
            "zone": self._services.zone.key,
            "lost_by_back": lost,
            "waits": any(each.state == "installed" for each in found),
            "error": error,
        }
        return self._paper.page("update.html", status, values | bar)

    def _row(self, each: Update) -> dict[str, object]:
        return {
            "it": each,
            "size": size(each.size),
            "made": self._moment(each.built_at) if each.built_at else None,
            "why": sentences(each.verdict_reason, each.hint),
            "can": each.installable and each.state in ("ready", "previous"),
            "may_go": each.state in ("ready", "refused", "installed"),
        }

    def _moment(self, at: datetime) -> object:
        return moment(at, self._services.now(), self._services.zone)


def _phase(state: UpdateState | None) -> str:
    if state is None or state.done:
        return "rests"
    return "planned" if state.at is not None else "runs"
