"""What a new store gets: the sample office and somebody who can log in."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from db.office import FIRST_ADMINISTRATOR
from db.variables.states import Actor

if TYPE_CHECKING:
    from appliance.first_password import FirstPassword
    from db.store import Store

log = logging.getLogger(__name__)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""


def furnish(store: Store, password: str | None) -> str | None:
    """Import the sample office if there has never been one, and make sure that an administrator can log in,
    with `password` or a new one. Returns the new password if one was made: it is kept nowhere else. Once
    there is an administrator, changes nothing. Raises StoreError."""
    if _is_new(store):
        _import_sample(store)
    new = password or generated_password()
    made = store.accounts.ensure_admin(new)
    if made:
        log.info("first start: %s is the administrator", FIRST_ADMINISTRATOR)
    return new if made and password is None else None


def furnish_machine(store: Store, first: FirstPassword, given: str | None) -> None:
    """As `furnish`, on a machine that has nothing but its console: the password stands in a file before it is
    in force. `given`: one that need not be changed. Raises StoreError, OSError."""
    if given is not None:
        furnish(store, given)
        return
    kept = first.text()
    password = kept or generated_password()
    if kept is None:
        first.keep(password)
    furnish(store, password)
    if not store.accounts.verify(FIRST_ADMINISTRATOR, password):
        first.forget()  # there has long been an administrator


def _is_new(store: Store) -> bool:
    """A repair may leave a store without users; what else there is of that office must stay."""
    office = store.office.read()
    return not (office.users or office.groups or office.contacts or store.audit.latest(1))


def generated_password() -> str:
    """About 59 bits, for one evening in a terminal: three groups of four."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _import_sample(store: Store) -> None:
    from db.sample import sample_office  # the reader of offices is needed once in a store's life

    summary = store.office.write(sample_office(), Actor("system", "", "system"))
    log.info("first start: the sample office: %s", summary.words())
