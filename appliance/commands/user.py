"""`callisto user`: who may log in, for an administrator who has lost a password."""

from __future__ import annotations

import getpass
import sys

from appliance.commands.opened import DONE, REFUSED, actor, with_store
from appliance.commands.say import complain
from appliance.config import Config
from appliance.first_password import FirstPassword
from db.office import FIRST_ADMINISTRATOR
from db.store import Store


def show(config: Config) -> int:
    def work(store: Store) -> int:
        for account in store.accounts.all():
            print(f"{account.user:<20} {', '.join(sorted(account.roles)) or '-':<24} {account.name}".rstrip())
        return DONE

    return with_store(config, work)


def set_password(config: Config, user: str) -> int:
    """Asked for twice on a terminal; else one line of standard input."""

    def work(store: Store) -> int:
        password = _asked(user)
        if password is None:
            complain("the two are not the same; the password stays as it was")
            return REFUSED
        store.accounts.set_password(user, password, actor())
        if user == FIRST_ADMINISTRATOR:
            FirstPassword(config.first_password).forget()
        print(f"{user} has a new password")
        return DONE

    return with_store(config, work)


def add(config: Config, user: str, name: str, role: str) -> int:
    """The password is asked for as by `set_password`."""

    def work(store: Store) -> int:
        password = _asked(user)
        if password is None:
            complain("the two are not the same; no user was added")
            return REFUSED
        store.accounts.add(user, name, role, password, actor())
        print(f"{user} may log in: {role}")
        return DONE

    return with_store(config, work)


def set_role(config: Config, user: str, role: str | None) -> int:
    def work(store: Store) -> int:
        store.accounts.set_role(user, role, actor())
        print(f"{user} may log in: {role}" if role else f"{user} may not log in any more")
        return DONE

    return with_store(config, work)


def _asked(user: str) -> str | None:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"New password of {user}: ")
    return first if getpass.getpass("Once more: ") == first else None
