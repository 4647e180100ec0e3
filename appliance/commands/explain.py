"""`callisto explain`: the router's own decision for a call that is not made. No appliance has to run."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import datetime

from appliance.clock import local_zone
from appliance.commands.opened import DONE, REFUSED, with_store
from appliance.commands.say import complain
from appliance.config import Config
from appliance.hosts import lookup, names_in, names_of, with_addresses
from appliance.routing_file import RoutingFile
from appliance.when import WhenError, parse
from db.store import Store
from router.dryrun import UnknownGroupError, dry_run
from router.model import RoutingTable
from router.table import TableError


def show(config: Config, *, group: str, caller: str, at: str | None, as_json: bool) -> int:
    def work(store: Store) -> int:
        zone = local_zone()
        now = datetime.now(zone)
        try:
            moment = parse(at, now, zone) if at else now
            explanation = dry_run(_table(config, store), group, caller, moment)
        except WhenError as exc:
            complain(f"--at: {exc}")
            return REFUSED
        except UnknownGroupError as exc:
            complain(str(exc), exc.hint)
            return REFUSED
        print(json.dumps(explanation.as_json(), ensure_ascii=False) if as_json else explanation.text())
        return DONE

    return with_store(config, work)


def _table(config: Config, store: Store) -> RoutingTable:
    """The store's table, its host names resolved as the appliance did last, or now."""
    table = store.routing_table(str(config.announcements))
    known = _published(config)
    hosts = dict(known.hosts)
    for name in (names_in(table) | names_of(config.peers)) - hosts.keys():
        with contextlib.suppress(OSError, UnicodeError):
            hosts[name] = lookup(name)
    return replace(table, hosts=hosts, peers=with_addresses(config.peers, hosts))


def _published(config: Config) -> RoutingTable:
    with contextlib.suppress(OSError, TableError):
        return RoutingFile(config.routing_file).look() or RoutingTable()
    return RoutingTable()
