"""Would this version start on this store? Tried on a copy, by the program of the update, before it runs.

Started by what installs updates (firmware/switch), as the user of the state. The store itself is only read.
What was found goes to standard output, one JSON object; exit code 0 when all is well.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path

from appliance.config import Config
from appliance.publisher import content_of
from db.copied import copied, of_server
from db.errors import StoreError
from db.location import sqlite_file
from db.store import Store, prepare
from firmware.release import running

DONE, REFUSED = 0, 1
ROLES = ("supervisor", "media", "router", "shell", "web")
FOLDER = "rehearsal"


def main(config: Config) -> int:
    began = time.monotonic()
    found: dict[str, object] = {"version": running().version}
    try:
        for role in ROLES:
            import_module(f"appliance.roles.{role}")
        found |= _store(config)
    except StoreError as exc:
        found |= {"reason": exc.message, "hint": exc.hint}
    except OSError as exc:
        found |= {"reason": f"the disk fails: {exc.strerror or exc}", "hint": "look at the disk and its room"}
    except Exception as exc:
        found |= {"reason": f"{type(exc).__name__}: {exc}", "hint": "report this"}
    well = "reason" not in found
    print(json.dumps({"ok": well, **found, "took_s": round(time.monotonic() - began, 2)}), flush=True)
    return DONE if well else REFUSED


def _store(config: Config) -> Mapping[str, object]:
    path = sqlite_file(config.store_url)
    if path is None:
        return {
            "schema_from": of_server(config.store_url),
            "note": "a server's store is migrated at the start",
        }
    if not path.exists():
        return {"note": "there is no store yet"}
    folder = config.updates / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        return _on_copy(config, path, folder / "copy.db")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_copy(config: Config, path: Path, copy: Path) -> Mapping[str, object]:
    before = copied(path, copy)
    url = f"sqlite:///{copy}"
    prepare(url, make=False)
    with closing(Store.open(url, config.edition)) as store:
        sound = store.soundness(600.0)
        store.office.read()
        content_of(partial(store.routing_table, str(config.announcements)))
        if not sound.is_sound:
            return {"reason": "the migrated copy of the store is not sound", "hint": "callisto repair"}
        return {"schema_from": before.schema, "schema_to": store.schema, "rows": before.rows}
