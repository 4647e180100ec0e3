"""What the web service stands on, faked: accounts, a variable, the supervisor, the audit trail, clocks."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from starlette.applications import Starlette

from appliance.web.app import create_app
from appliance.web.inbox import Inbox
from appliance.web.ports import WebServices
from appliance.web.shelf import Shelf
from db.errors import StoreUnavailableError
from db.variables.states import Actor
from shell.ports import SystemUnavailableError
from shell.throttle import Throttle
from tests.fakes.backup import FakeBackup
from tests.fakes.restore import FakeRestore
from tests.fakes.updates import FakeUpdates

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Somebody:
    user: str
    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Value:
    value: str


PEOPLE = {
    ("admin", "correct horse"): Somebody("admin", "Anna <Keller>", frozenset({"administrator"})),
    ("help", "battery staple"): Somebody("help", "", frozenset({"support"})),
    ("berta", "plain"): Somebody("berta", "Berta", frozenset({"user"})),
}


def status() -> dict[str, Any]:
    """As the supervisor gives it when all is well."""
    return {
        "version": "0.1.0",
        "edition": "ucm",
        "started": (NOW - timedelta(days=3)).isoformat(),
        "host": {"hostname": "lab", "memory_mb": 2048, "memory_free_mb": 1024},
        "services": [
            {
                "name": "router",
                "state": "ready",
                "pid": 4711,
                "uptime_s": 11100.5,
                "restarts": 0,
                "last_exit": None,
                "facts": {
                    "engine": "SIP",
                    "capacity": 2048,
                    "legs_in_use": 512,
                    "calls_now": 256,
                    "calls_total": 48211,
                    "peak": 300,
                    "refused_busy": 3,
                },
            },
            {
                "name": "web",
                "state": "ready",
                "pid": 4713,
                "uptime_s": 60,
                "restarts": 2,
                "last_exit": "exit code 0",
            },
        ],
        "jobs": [
            {
                "name": "web restart",
                "variable": "gWebServerRestart",
                "next_run": (NOW + timedelta(days=2, hours=5)).isoformat(),
                "last_run": (NOW - timedelta(days=1)).isoformat(),
                "last_result": "done: web answers again",
            }
        ],
        "store": {"url_shown": "sqlite:///var/callisto.db", "revision": 42, "schema": "0001"},
        "spool": {"pending": 0},
    }


@dataclass
class Office:
    """Change what you like while it runs."""

    timeout_min: str = "20"
    state: Path = Path("/nonexistent")
    room: int = 10_000
    store_away: bool = False
    supervisor_away: bool = False
    stood_on_console: tuple[str, str] = ("", "")
    status_now: dict[str, Any] = field(default_factory=status)
    at: float = 1000.0
    notes: list[tuple[str, str, str, str]] = field(default_factory=list)
    verified: list[tuple[str, str]] = field(default_factory=list)
    throttle: Throttle = field(default_factory=Throttle)
    backup: FakeBackup = field(default_factory=FakeBackup)
    restore: FakeRestore = field(default_factory=FakeRestore)
    updates: FakeUpdates = field(default_factory=FakeUpdates)
    _app: Starlette | None = None

    async def verify(self, user: str, password: str) -> Somebody | None:
        self._store()
        self.verified.append((user, password))
        return PEOPLE.get((user, password))

    async def get(self, name: str) -> Value:
        self._store()
        assert name == "gWebTimeout"
        return Value(self.timeout_min)

    async def status(self) -> dict[str, Any]:
        if self.supervisor_away:
            raise SystemUnavailableError("no answer within 2 s")
        return self.status_now

    async def note(self, actor: Actor, action: str, detail: str) -> None:
        self._store()
        self.notes.append((actor.user, actor.channel, action, detail))

    def services(self) -> WebServices:
        return WebServices(
            accounts=self,
            variables=self,
            system=self,
            audit=self,
            throttle=self.throttle,
            shelf=Shelf(self.state),
            backup=self.backup,
            restore=self.restore,
            updates=self.updates,
            updates_folder=self.state / "updates",
            inbox=Inbox(self.state, lambda _: self.room),
            must_change=lambda user, password: (user, password) == self.stood_on_console,
            version="0.1.0",
            local_zone=lambda: ZoneInfo("Europe/Zurich"),
            now=lambda: NOW,
            monotonic=lambda: self.at,
        )

    def app(self) -> Starlette:
        """One for all its browsers."""
        self._app = self._app or create_app(self.services())
        return self._app

    def browser(self, address: str = "192.0.2.7") -> Browser:
        return Browser(self, address)

    def _store(self) -> None:
        if self.store_away:
            raise StoreUnavailableError("the store is locked", hint="wait")


class Browser:
    """One visitor of one application; keeps cookies, follows nothing by itself."""

    def __init__(self, office: Office, address: str) -> None:
        transport = httpx.ASGITransport(office.app(), raise_app_exceptions=False, client=(address, 50000))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://callisto")

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def log_in(self, user: str = "admin", password: str = "correct horse") -> httpx.Response:
        page = await self.get("/login")
        return await self.http.post("/login", data={"key": key_of(page), "user": user, "password": password})

    async def log_out(self) -> httpx.Response:
        page = await self.get("/")
        return await self.http.post("/logout", data={"key": key_of(page)})

    async def is_in(self) -> bool:
        """Asked as a page that refreshes itself asks: no activity."""
        return (await self.get("/status/part")).status_code == 200


def key_of(page: httpx.Response) -> str:
    found = re.search(r'name="key" value="([0-9a-f]+)"', page.text)
    return found[1] if found else ""


def words(page: httpx.Response) -> str:
    """What a reader sees, roughly."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.text)).split())
