"""The login dialogue: prompts that every tool knows, a few tries, the throttle."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass

from db.errors import StoreError
from db.variables.states import Actor
from shell.ports import Account, Services
from shell.reply import failure_lines
from shell.sessions_ports import Visit
from shell.term import Interrupted, LineTooLongError, Term
from shell.trail import record

log = logging.getLogger(__name__)

ROLES = frozenset({"administrator", "support"})
SCRIPT_SUFFIX = "+s"
INCORRECT = "Login incorrect"
VISIT_WITHIN_S = 2.0
SHORTEST = 8
"""Characters of a password that takes the place of the console's."""
CHOICES = 5
"""Attempts to choose another password."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Somebody who may come in. `script`: he asked for plain lines, as `admin+s`."""

    account: Account
    script: bool
    visit: Visit | None = None
    """His last one."""


async def log_in(term: Term, services: Services, host: str, peer: str, *, tries: int) -> Entrance | None:
    """None after `tries` failures. `host` counts for the throttle, `peer` goes to the audit trail. Raises
    EndOfInput. The end of the password's line goes out together with the verdict: tools read both at once."""
    failures = 0
    while failures < tries:
        try:
            name = (await term.ask("Username: ")).strip()
            if not name:
                continue
            password = await term.ask("Password: ", secret=True)
        except Interrupted:
            continue
        except LineTooLongError:
            name, password = "?", ""
        user = name.removesuffix(SCRIPT_SUFFIX)
        verdict = await _check(services, host, user, password)
        if not isinstance(verdict, str):
            if not await _another_password(term, services, Actor(verdict.user, peer, "telnet"), password):
                return None
            visit = await _last_visit(services, verdict.user)
            await record(services.audit, Actor(verdict.user, peer, "telnet"), "login", "")
            return Entrance(verdict, name.endswith(SCRIPT_SUFFIX), visit)
        failures += 1
        await record(services.audit, Actor("", peer, "telnet"), "login failed", f"{hint_of(user)}: {verdict}")
        await term.show("", *failure_lines(verdict, ""), *([""] if failures < tries else []))
    return None


async def _another_password(term: Term, services: Services, actor: Actor, password: str) -> bool:
    """Whoever comes with the password that stood on the console chooses another one, here and now. False when
    he does not. Raises EndOfInput."""
    if services.first is None or not services.first.is_it(actor.user, password):
        return True
    await term.show("", "This password stood on the console: choose another one.")
    for _ in range(CHOICES):
        try:
            chosen = await term.ask("New password: ", secret=True)
            await term.show("")
            again = await term.ask("Once more: ", secret=True)
            await term.show("")
            if chosen == password:
                await term.show(*failure_lines("it is the one that stood on the console", ""))
            elif len(chosen) < SHORTEST:
                await term.show(*failure_lines(f"choose at least {SHORTEST} characters", ""))
            elif chosen != again:
                await term.show(*failure_lines("the two are not the same", ""))
            else:
                await services.first.change(actor.user, chosen, actor)
                await term.show("The password is changed; the console shows none any more.")
                return True
        except (Interrupted, LineTooLongError):
            continue
        except StoreError as exc:
            await term.show(*failure_lines(exc.message, exc.hint))
    return False


async def _check(services: Services, host: str, user: str, password: str) -> Account | str:
    """The account, or why not, in words for the one who tries."""
    throttle = services.throttle
    verdict = throttle.attempt(host, services.monotonic())
    if verdict.wait_s:
        wait = math.ceil(verdict.wait_s)
        return f"Too many failed logins from your address: try again in {wait} s"
    if verdict.delay_s:
        await asyncio.sleep(verdict.delay_s)
    try:
        account = await services.login.verify(user, password)
    except StoreError as exc:
        throttle.withdrawn(host)
        log.exception("nobody can log in")
        return f"Nobody can log in now: {exc.message}"
    if account is None:
        return INCORRECT
    throttle.succeeded(host)
    if not account.roles & ROLES:
        return f"{INCORRECT}: {account.user} has neither of the roles administrator and support"
    return account


async def _last_visit(services: Services, user: str) -> Visit | None:
    """None also when it is not to be had soon: it keeps nobody out."""
    try:
        async with asyncio.timeout(VISIT_WITHIN_S):
            return await services.standings.last_visit(user, hint_of(user))
    except (StoreError, TimeoutError):
        return None


def hint_of(user: str) -> str:
    """Enough to recognise a misspelt name by, and too little of a password typed in its place."""
    return f"a name of {len(user)} characters that begins with {user[:1]!r}"
