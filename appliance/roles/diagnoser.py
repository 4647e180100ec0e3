"""The process that looks through the store for damage, and changes nothing. Started by the supervisor."""

from __future__ import annotations

import json

from appliance import logs
from appliance.config import Config
from appliance.marks import REPAIR as MARK
from db.location import sqlite_file
from db.repair import server
from db.repair.diagnosis import diagnose


def main(config: Config) -> int:
    logs.set_up("repair")
    path = sqlite_file(config.store_url)
    found = diagnose(path, config.journal_dir) if path else server.diagnose(config.store_url)
    print(f"{MARK}{json.dumps(found.as_json())}", flush=True)
    return 0
