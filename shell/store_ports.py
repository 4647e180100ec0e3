"""The shell's ports on the store: each call in a thread, so that a slow store delays nobody's keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from db.errors import StoreUnavailableError
from db.office import Office
from db.store import Store
from db.stores.accounts import Account
from db.stores.audit import Note
from db.stores.calls import CallRecord
from db.stores.jobs import JobRun
from db.variables.states import Actor, Change, VariableState
from db.variables.trials import Trial
from shell.sessions_ports import Standing, Visit

log = logging.getLogger(__name__)
OF_STORE = {"trace_group": "store"}
Verify = Callable[[str, str], Account | None]


class StoreVariables:
    def __init__(self, store: Store) -> None:
        self._variables = store.variables

    async def all(self) -> Sequence[VariableState]:
        return await asyncio.to_thread(self._variables.all)

    async def get(self, name: str) -> VariableState:
        return await asyncio.to_thread(self._variables.get, name)

    async def set(self, name: str, text: str, actor: Actor, trial: timedelta | None = None) -> Change:
        return await asyncio.to_thread(self._variables.set, name, text, actor, trial)

    async def reset(self, name: str, actor: Actor) -> Change:
        return _told(await asyncio.to_thread(self._variables.reset, name, actor))

    async def undo(self, actor: Actor, change_id: int | None = None) -> Change:
        return _told(await asyncio.to_thread(self._variables.undo, actor, change_id))

    async def history(self, name: str | None = None, limit: int = 50) -> Sequence[Change]:
        return await asyncio.to_thread(self._variables.history, name, limit)

    async def waiting(self) -> Sequence[Trial]:
        return await asyncio.to_thread(self._variables.waiting)

    async def confirm(self, change_id: int | None = None) -> Sequence[Trial]:
        return await asyncio.to_thread(self._variables.confirm, change_id)

    async def untold(self, user: str) -> Sequence[Trial]:
        return await asyncio.to_thread(self._variables.untold, user)


def _told(change: Change) -> Change:
    log.debug("%s: %s is %r, was %r", change.actor.user, change.name, change.new, change.old, extra=OF_STORE)
    return change


class StoreLogin:
    """At most `at_once` passwords are looked at, whatever is asked: threads of its own, which a caller that
    goes away does not free before their work is done. Each takes some 40 ms and 19 MiB.

    `otherwise` is asked while the store cannot be had: somebody has to get in to repair it."""

    def __init__(self, store: Store, at_once: int = 2, otherwise: Verify | None = None) -> None:
        self._accounts = store.accounts
        self._otherwise = otherwise
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="login")

    async def verify(self, user: str, password: str) -> Account | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._verify, user, password)

    def _verify(self, user: str, password: str) -> Account | None:
        try:
            return self._accounts.verify(user, password)
        except StoreUnavailableError:
            if self._otherwise is None:
                raise
            log.warning("%r is looked up in what was known when the store was read last", user)
            return self._otherwise(user, password)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)


class StoreJobs:
    def __init__(self, store: Store) -> None:
        self._jobs = store.jobs

    async def latest(self, limit: int, variable: str | None = None) -> Sequence[JobRun]:
        return await asyncio.to_thread(self._jobs.latest, limit, variable)


class StoreAudit:
    def __init__(self, store: Store) -> None:
        self._audit = store.audit

    async def note(self, actor: Actor, action: str, detail: str) -> None:
        await asyncio.to_thread(self._audit.note, actor, action, detail)

    async def latest(self, limit: int) -> Sequence[Note]:
        return await asyncio.to_thread(self._audit.latest, limit)


class StoreStandings:
    """Fulfils `shell.sessions_ports.Standings`: the store is asked in a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def revision(self) -> int:
        return await asyncio.to_thread(self._store.revision)

    async def of(self, user: str) -> Standing | None:
        found = await asyncio.to_thread(self._store.accounts.standing, user)
        return Standing(found[0].roles, found[1]) if found else None

    async def last_visit(self, user: str, like: str) -> Visit | None:
        found = await asyncio.to_thread(self._store.audit.last_visit, user, "telnet", like)
        return Visit(found[0].at, found[0].actor.address, found[1]) if found else None


class StoreCalls:
    """Fulfils `shell.office_ports.Calls`: the store is asked in a thread."""

    def __init__(self, store: Store) -> None:
        self._calls = store.calls

    async def latest(self, limit: int) -> Sequence[CallRecord]:
        return await asyncio.to_thread(self._calls.latest, limit)

    async def beginning(self, start: str) -> Sequence[CallRecord]:
        return await asyncio.to_thread(self._calls.beginning, start)


class StoreOffices:
    """Fulfils `shell.office_ports.Offices`: the store is asked in a thread."""

    def __init__(self, store: Store) -> None:
        self._office = store.office

    async def read(self) -> Office:
        return await asyncio.to_thread(self._office.read)

    async def numbers(self) -> Sequence[tuple[str, str]]:
        return await asyncio.to_thread(self._office.numbers)
