"""The store for a command, and how what goes wrong with it is said."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from appliance.commands.say import complain
from appliance.config import Config
from appliance.config_settings import ConfigError
from db.errors import StoreError
from db.store import Store, prepare
from db.variables.states import Actor

DONE, REFUSED = 0, 1


def with_store(config: Config, work: Callable[[Store], int], *, make: bool = False) -> int:
    """The exit code of `work` on the open store. `make`: make or migrate it first. A store that refuses, or
    is not there, is said in a line or two, exit code 1."""
    try:
        if make:
            prepare(config.store_url)
        with Store.open(config.store_url, config.edition, journal=config.journal_dir) as store:
            return work(store)
    except StoreError as exc:
        complain(str(exc), exc.hint)
        return REFUSED


def actor() -> Actor:
    """Whoever types."""
    try:
        return Actor(getpass.getuser(), "", "cli")
    except (KeyError, OSError):  # a user without a name
        return Actor("", "", "cli")


def make_state(config: Config) -> None:
    """The state directory, for what may come before the first start."""
    try:
        config.state.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise ConfigError(
            f"state: {config.state} cannot be made: {exc.strerror}; "
            "choose another with state in callisto.toml or CALLISTO_STATE"
        ) from exc
