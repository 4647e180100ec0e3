"""`callisto init`: what the first start does to the store, without starting anything."""

from __future__ import annotations

from appliance.commands.opened import DONE, make_state, with_store
from appliance.config import Config
from appliance.first_start import furnish
from db.office import FIRST_ADMINISTRATOR
from db.store import Store


def make(config: Config) -> int:
    """Make or migrate the store; a new one gets the sample office and an administrator. Safe to repeat."""

    def work(store: Store) -> int:
        password = furnish(store, config.admin_password)
        print(f"the store {config.store_url_shown} is ready, schema {store.schema}")
        if password:
            print(f"{FIRST_ADMINISTRATOR} has the password {password} (shown only this once)")
        return DONE

    make_state(config)
    return with_store(config, work, make=True)
