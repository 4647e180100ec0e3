"""Does a restored state do? Looked at from outside, as those do who use it."""

from __future__ import annotations

from functools import partial

from appliance.config import Config
from appliance.health import ask, asked
from appliance.publisher import content_of
from appliance.store_keeper import StoreKeeper
from db.office import ADMINISTRATOR
from db.store import Store

WITHIN = 30.0


async def look_after_restore(config: Config, store: StoreKeeper) -> str:
    """What does not do its work, in words; empty when all does."""
    try:
        trouble = await store.do(partial(_in_store, announcements=str(config.announcements)))
    except Exception as exc:
        return f"the store: {exc}"
    if trouble:
        return trouble
    answers = await ask(asked(config), WITHIN)
    return "; ".join(f"{each.service}: {each.trouble}" for each in answers if each.trouble)


def _in_store(store: Store, announcements: str) -> str:
    content_of(partial(store.routing_table, announcements))
    if not any(ADMINISTRATOR in account.roles and kept for account, kept in store.accounts.with_hashes()):
        return "the store has no administrator who can log in"
    return ""
