"""Sessions end when the account behind them is not what it was at the login."""

from __future__ import annotations

import asyncio
import logging

from db.errors import StoreError
from shell.sessions_ports import Standing, Standings
from shell.telnet.sessions import Registry, Session

log = logging.getLogger(__name__)

EVERY_S = 1.0


async def watch(registry: Registry, standings: Standings, every_s: float = EVERY_S) -> None:
    """For ever. One look at the store's revision a second, whatever the number of sessions; a store that is
    not to be had ends no session: who repairs it may be in one."""
    seen: int | None = None
    while True:
        await asyncio.sleep(every_s)
        if not registry.sessions():
            continue
        try:
            revision = await standings.revision()
            if revision != seen:
                await _check_all(registry, standings)
                seen = revision
        except StoreError as exc:
            log.debug("accounts cannot be looked at: %s", exc)


async def _check_all(registry: Registry, standings: Standings) -> None:
    now = {session.account.user: session for session in registry.sessions()}
    found = {user: await standings.of(user) for user in now}
    for session in registry.sessions():
        user = session.account.user
        if user in found and (reason := _changed(session, found[user])):
            session.end(reason, f"% Logged out: {reason}")


def _changed(session: Session, standing: Standing | None) -> str:
    """Why this session may not go on; empty when it may."""
    if standing is None:
        return "the account is gone"
    if session.stamp is None:
        session.stamp = standing.stamp
    elif session.stamp != standing.stamp:
        return "the password was changed"
    lost = session.account.roles - standing.roles
    return f"the role {', '.join(sorted(lost))} was taken away" if lost else ""
