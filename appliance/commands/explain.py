"""`callisto explain`: the router's own decision for a call that is not made. No appliance has to run."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import datetime

from appliance.clock import local_zone
from appliance.commands.opened import DONE, REFUSED
from appliance.commands.say import complain
from appliance.config import Config
from appliance.hosts import lookup, names_in, names_of, with_addresses
from appliance.routing_file import RoutingFile
from appliance.when import WhenError, parse
from db.errors import StoreError
from db.store import Store
from router.dryrun import UnknownGroupError, dry_run
from router.model import RoutingTable
from router.table import TableError


def show(config: Config, *, group: str, caller: str, at: str | None, as_json: bool) -> int:
    """By the store, or, while that cannot be read, by the table that calls are routed by."""
    file = RoutingFile(config.routing_file)
    published = _published(file)
    try:
        with Store.open(config.store_url, config.edition, journal=config.journal_dir) as store:
            table = _table(config, store, published)
    except StoreError as exc:
        if published is None or file.written is None:
            complain(str(exc), exc.hint)
            return REFUSED
        complain(f"{exc}; this is by the table of {file.written:%Y-%m-%d %H:%M}")
        table = published
    return _explain(table, group, caller, at, as_json=as_json)


def _explain(table: RoutingTable, group: str, caller: str, at: str | None, *, as_json: bool) -> int:
    zone = local_zone()
    now = datetime.now(zone)
    try:
        explanation = dry_run(table, group, caller, parse(at, now, zone) if at else now)
    except WhenError as exc:
        complain(f"--at: {exc}")
        return REFUSED
    except UnknownGroupError as exc:
        complain(str(exc), exc.hint)
        return REFUSED
    print(json.dumps(explanation.as_json(), ensure_ascii=False) if as_json else explanation.text())
    return DONE


def _table(config: Config, store: Store, published: RoutingTable | None) -> RoutingTable:
    """The store's table, its host names resolved as the appliance did last, or now."""
    table = store.routing_table(str(config.announcements))
    hosts = dict(published.hosts) if published else {}
    for name in (names_in(table) | names_of(config.peers)) - hosts.keys():
        with contextlib.suppress(OSError, UnicodeError):
            hosts[name] = lookup(name)
    return replace(table, hosts=hosts, peers=with_addresses(config.peers, hosts))


def _published(file: RoutingFile) -> RoutingTable | None:
    with contextlib.suppress(OSError, TableError):
        return file.look()
    return None
