"""The process that compares the store with its journal and takes a snapshot, one round long. Started by the
supervisor, which has other things to do."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from typing import Any

from appliance import logs
from appliance.config import Config
from appliance.marks import JOURNAL as MARK
from db.errors import StoreError
from db.journal.keeping import keep
from db.location import sqlite_file

DONE, REFUSED = 0, 1
NICE = 15
"""Calls come first."""


def main(config: Config) -> int:
    logs.set_up("journal")
    logging.getLogger().setLevel(logging.WARNING)  # the supervisor tells what has come of it
    with suppress(PermissionError):  # a service of systemd may not, where its unit says so
        os.nice(NICE)
    try:
        told = _round(config)
    except StoreError as exc:
        told = {"refused": str(exc), "hint": exc.hint}
    except OSError as exc:
        told = {"refused": str(exc), "hint": "make room, or mend the disk of the journal"}
    sys.stdout.write(f"{MARK}{json.dumps(told)}\n")
    sys.stdout.flush()
    return REFUSED if "refused" in told else DONE


def _round(config: Config) -> dict[str, Any]:
    store = sqlite_file(config.store_url)
    if store is None:
        return {"refused": "there is no journal of ours", "hint": "a PostgreSQL store has a log of its own"}
    return {"round": keep(store, config.journal_dir, config.snapshots).as_json()}
