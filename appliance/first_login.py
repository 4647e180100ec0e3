"""Whoever logs in with the password of the first start chooses another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from appliance.first_password import FirstPassword
from db.variables.states import Actor

if TYPE_CHECKING:
    from db.store import Store


class ShellFirstPassword:
    """Fulfils `shell.ports.FirstPassword`."""

    def __init__(self, store: Store, first: FirstPassword) -> None:
        self._store = store
        self._first = first

    def is_it(self, user: str, password: str) -> bool:
        return self._first.is_it(user, password)

    async def change(self, user: str, password: str, actor: Actor) -> None:
        await asyncio.to_thread(self._store.accounts.set_password, user, password, actor)
        await asyncio.to_thread(self._first.forget)
