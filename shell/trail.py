"""What happens goes to the audit trail; a store that does not take it keeps nobody from working."""

from __future__ import annotations

import logging

from db.errors import StoreError
from db.variables.states import Actor
from shell.ports import Audit
from shell.safe import safe

log = logging.getLogger(__name__)
LONGEST = 1000


async def record(audit: Audit, actor: Actor, action: str, detail: str) -> None:
    """Note it; if the store does not take it, the log has it."""
    text = safe(detail)[:LONGEST]
    log.debug("%s %s: %s %s", actor.user, actor.address, action, text)
    try:
        await audit.note(actor, action, text)
    except StoreError:
        log.exception("audit trail not written: %s %s: %s %s", actor.user, actor.address, action, text)
