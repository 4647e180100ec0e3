"""The shell's ports in memory, and a terminal that plays a script."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from db.variables.states import Actor
from db.variables.values import Context as Rules
from shell.office_ports import OfficeView
from shell.ports import Services, SystemUnavailableError
from shell.sessions_ports import Standing, Visit
from shell.term import EndOfInput, Interrupted, Line, Suggest, plain
from shell.throttle import Policy, Throttle
from tests.fakes.backup import FakeBackup
from tests.fakes.backup_targets import FakeTargets
from tests.fakes.compact import FakeCompact
from tests.fakes.host_clock import FakeHostClock
from tests.fakes.office_ports import FakeCalls, FakeOffices, FakeRehearsal
from tests.fakes.repair import FakeRepair
from tests.fakes.restore import FakeRestore
from tests.fakes.self_test import FakeSelfTest
from tests.fakes.support import FakeSupport
from tests.fakes.trace import FakeTrace
from tests.fakes.updates import FakeUpdates
from tests.fakes.variables import NOON, FakeVariables

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "edition": "ucm",
    "started": "2026-11-24T10:00:00+00:00",
    "services": [
        {
            "name": "router",
            "state": "ready",
            "pid": 4711,
            "uptime_s": 7200.0,
            "restarts": 0,
            "last_exit": None,
            "facts": {
                "engine": "SIP",
                "capacity": 8000,
                "legs_in_use": 6,
                "calls_now": 3,
                "calls_total": 120,
                "peak": 9,
                "refused_busy": 0,
                "table_of": "2026-11-22T08:30:00+01:00",
            },
        },
        {
            "name": "media",
            "state": "ready",
            "pid": 4712,
            "uptime_s": 7200.0,
            "restarts": 0,
            "last_exit": None,
            "facts": {"engine": "PJSUA2 2.17", "build": "large", "capacity": 2048, "legs_in_use": 2},
        },
        {
            "name": "web",
            "state": "ready",
            "pid": 4713,
            "uptime_s": 60.0,
            "restarts": 2,
            "last_exit": "asked to restart",
            "facts": {},
        },
    ],
    "peers": [
        {
            "name": "pbx1",
            "address": "192.0.2.10:5060",
            "transport": "udp",
            "priority": 1,
            "state": "up",
            "since": "2026-11-22T08:00:00+01:00",
            "registered": True,
            "problem": "",
        }
    ],
    "jobs": [],
    "store": {"url_shown": "sqlite:///var/callisto.db", "revision": 42, "schema": "0001"},
    "spool": {"pending": 0},
    "host": {
        "hostname": "calbox",
        "uptime_s": 273600.0,
        "load": [0.12, 0.2, 0.18],
        "memory_mb": 2048,
        "memory_free_mb": 1024,
        "disk_mb": 40000,
        "disk_free_mb": 31000,
    },
}


@dataclass(frozen=True, slots=True)
class FakeAccount:
    user: str
    name: str = ""
    roles: frozenset[str] = frozenset({"administrator"})


class FakeLogin:
    """`failure`: raised instead of an answer. `asked`: every name that was verified."""

    def __init__(self, passwords: Mapping[str, str], accounts: Iterable[FakeAccount] = ()) -> None:
        self.passwords = dict(passwords)
        self.accounts = {account.user: account for account in accounts}
        self.failure: Exception | None = None
        self.asked: list[str] = []

    async def verify(self, user: str, password: str) -> FakeAccount | None:
        self.asked.append(user)
        if self.failure is not None:
            raise self.failure
        if not password or self.passwords.get(user) != password:
            return None
        return self.accounts.get(user, FakeAccount(user))


class FakeSystem:
    def __init__(self, status: Mapping[str, Any] | None = None) -> None:
        self.now: Mapping[str, Any] | None = STATUS if status is None else status

    def fail(self) -> None:
        self.now = None

    async def status(self) -> Mapping[str, Any]:
        if self.now is None:
            raise SystemUnavailableError("nobody listens on the control socket")
        return self.now


@dataclass(frozen=True, slots=True)
class FakeJobRun:
    name: str
    variable: str
    due: datetime
    started: datetime | None
    finished: datetime | None
    result: str


class FakeJobs:
    def __init__(self, runs: Sequence[FakeJobRun] = ()) -> None:
        self.runs = tuple(runs)

    async def latest(self, limit: int, variable: str | None = None) -> Sequence[FakeJobRun]:
        return tuple(run for run in self.runs if variable in (None, run.variable))[:limit]


@dataclass(frozen=True, slots=True)
class FakeNote:
    at: datetime
    actor: Actor
    action: str
    detail: str


class FakeAudit:
    def __init__(self, now: Callable[[], datetime] = lambda: NOON) -> None:
        self._now = now
        self.notes: list[FakeNote] = []
        self.failure: Exception | None = None

    async def note(self, actor: Actor, action: str, detail: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.notes.append(FakeNote(self._now(), actor, action, detail))

    async def latest(self, limit: int) -> Sequence[FakeNote]:
        return tuple(reversed(self.notes))[:limit]

    def said(self, action: str) -> list[str]:
        """The details noted under an action, oldest first."""
        return [note.detail for note in self.notes if note.action == action]


class FakeStandings:
    """Of the users of a FakeLogin. `changed` tells that something has; `asked`: how often for it."""

    def __init__(self, login: FakeLogin) -> None:
        self._login = login
        self._revision = 1
        self.asked = 0
        self.audit: FakeAudit | None = None
        self.failure: Exception | None = None

    def changed(self) -> None:
        self._revision += 1

    async def revision(self) -> int:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self._revision

    async def of(self, user: str) -> Standing | None:
        if self.failure is not None:
            raise self.failure
        password = self._login.passwords.get(user)
        if password is None:
            return None
        return Standing(
            self._login.accounts.get(user, FakeAccount(user)).roles, str(crc32(password.encode()))
        )

    async def last_visit(self, user: str, like: str) -> Visit | None:
        if self.failure is not None:
            raise self.failure
        found: Visit | None = None
        for note in self.audit.notes if self.audit else ():
            if note.actor.channel != "telnet":
                continue
            if note.action == "login" and note.actor.user == user:
                found = Visit(note.at, note.actor.address, 0)
            elif note.action == "login failed" and note.detail.startswith(like) and found:
                found = replace(found, failed=found.failed + 1)
        return found


@dataclass(slots=True)
class Office:
    """All fakes of one shell, and the Services made of them. Users: admin/secret, help/secret2 (support),
    anna/secret3 (user)."""

    variables: FakeVariables = field(default_factory=FakeVariables)
    login: FakeLogin = field(
        default_factory=lambda: FakeLogin(
            {"admin": "secret", "help": "secret2", "anna": "secret3"},
            [
                FakeAccount("help", roles=frozenset({"support"})),
                FakeAccount("anna", roles=frozenset({"user"})),
            ],
        )
    )
    system: FakeSystem = field(default_factory=FakeSystem)
    jobs: FakeJobs = field(default_factory=FakeJobs)
    audit: FakeAudit = field(default_factory=FakeAudit)
    policy: Policy = field(default_factory=lambda: Policy(exempt_loopback=True))
    now: datetime = NOON
    clock: FakeHostClock = field(default_factory=lambda: FakeHostClock(NOON))
    trace: FakeTrace = field(default_factory=FakeTrace)
    self_test: FakeSelfTest = field(default_factory=FakeSelfTest)
    support: FakeSupport = field(default_factory=FakeSupport)
    compact: FakeCompact = field(default_factory=FakeCompact)
    standings: FakeStandings = field(init=False)

    def __post_init__(self) -> None:
        self.standings = FakeStandings(self.login)
        self.standings.audit = self.audit

    repair: FakeRepair = field(default_factory=FakeRepair)
    backup: FakeBackup = field(default_factory=FakeBackup)
    restore: FakeRestore = field(default_factory=FakeRestore)
    targets: FakeTargets = field(default_factory=FakeTargets)
    updates: FakeUpdates | None = field(default_factory=FakeUpdates)
    calls: FakeCalls = field(default_factory=FakeCalls)
    offices: FakeOffices = field(default_factory=FakeOffices)
    rehearsal: FakeRehearsal = field(default_factory=FakeRehearsal)

    def services(self) -> Services:
        return Services(
            self.variables,
            self.login,
            self.system,
            self.jobs,
            self.audit,
            self.clock,
            self.trace,
            self.standings,
            self.self_test,
            self.support,
            OfficeView(self.calls, self.offices, self.rehearsal),
            self.compact,
            self.repair,
            self.backup,
            self.restore,
            self.targets,
            updates=self.updates,
            rules=Rules(ram_mb=2048),
            version="0.1.0",
            local_zone=lambda: ZoneInfo(self.clock.zone),
            throttle=Throttle(self.policy),
            now=lambda: self.now,
        )

    def later(self, **kwargs: float) -> None:
        self.now += timedelta(**kwargs)


CTRL_C = "\x03"
"""In a script: the user interrupts."""


class ScriptedTerm:
    """Answers each question with the next line of the script, then the far side is gone. `shown`: all that
    was on the screen, prompts and answers included. `press`: what the user does while output goes on."""

    def __init__(
        self, *answers: str, rich: bool = False, columns: int = 80, rows: int = 24, keys: str = ""
    ) -> None:
        self._answers = deque(answers)
        self._keys = deque(keys)
        self._pressed: asyncio.Queue[str | None] = asyncio.Queue()
        self.rich = rich
        self.columns = columns
        self.rows = rows
        self.lines: list[Line] = []
        self.screens = 0
        self.prompts: list[str] = []

    def fix(self, *, rows: int | None = None, columns: int | None = None) -> None:
        self.rows = self.rows if rows is None else rows or 24
        self.columns = self.columns if columns is None else columns or 80

    @property
    def shown(self) -> str:
        return "\n".join(plain(line) for line in self.lines)

    async def ask(
        self,
        prompt: str,
        *,
        secret: bool = False,
        suggest: Suggest | None = None,
        remember: bool = False,
        start: str = "",
    ) -> str:
        self.prompts.append(prompt)
        if not self._answers:
            raise EndOfInput
        answer = self._answers.popleft()
        self.lines.append(prompt + ("" if secret else answer))
        if answer == CTRL_C:
            raise Interrupted
        return answer

    async def key(self) -> str:
        if not self._keys:
            raise EndOfInput
        return self._keys.popleft()

    def press(self, *keys: str | None) -> None:
        """Keys, or whole lines on a line terminal; None: the far side says no more."""
        for key in keys:
            self._pressed.put_nowait(key)

    async def meanwhile(self) -> str:
        key = await self._pressed.get()
        if key is None:
            self._pressed.put_nowait(None)
            raise EndOfInput
        if key == CTRL_C:
            raise Interrupted
        return key

    async def interrupted(self) -> None:
        while await self._pressed.get() != CTRL_C:
            pass

    async def show(self, *lines: Line) -> None:
        self.lines.extend(lines)

    async def stream(self, *lines: Line) -> None:
        self.lines.extend(lines)

    async def redraw(self, *lines: Line) -> None:
        self.screens += 1
        self.lines.extend(lines)

    async def status(self, line: Line) -> None:
        if plain(line):
            self.lines.append(line)

    async def clear(self) -> None:
        self.screens += 1
