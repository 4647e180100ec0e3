"""The process that makes a backup, one backup long. Started by the supervisor: packing keeps a processor busy
for as long as it takes, and the memory that it takes is given back.

What to do comes on standard input, so that a password is in no list of processes and in no file.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from appliance import logs
from appliance.backup_source import source_of
from appliance.config import Config
from appliance.marks import BACKUP as MARK
from db.backup.making import Made, make
from db.backup.progress import Progress
from db.errors import StoreError

log = logging.getLogger(__name__)

DONE, REFUSED = 0, 1
TELL_EVERY = 0.2
NICE = 10
"""Calls go first."""


def main(config: Config) -> int:
    logs.set_up("backup")
    with suppress(OSError):
        os.nice(NICE)
    job = json.load(sys.stdin)
    try:
        made = make(
            source_of(config, Path(job["config"]) if job["config"] else None),
            Path(job["file"]),
            job["password"],
            _Told(),
            who=job["who"],
        )
    except StoreError as exc:
        _say({"refused": exc.message, "hint": exc.hint})
        return REFUSED
    except OSError as exc:
        _say({"refused": f"the disk fails: {exc.strerror or exc}", "hint": "look at the disk and its room"})
        return REFUSED
    except Exception:
        log.exception("the backup has failed")
        return REFUSED
    _say({"made": as_json(made)})
    return DONE


def as_json(made: Made) -> dict[str, object]:
    return {
        "file": made.file.name,
        "bytes": made.size,
        "sha256": made.sha256,
        "contents_bytes": made.manifest.size,
        "rows": sum(made.manifest.rows.values()),
        "files": made.manifest.files,
        "damaged": list(made.manifest.damaged[:20]),
        "without": list(made.manifest.without),
        "took_s": round(made.took_s, 2),
    }


class _Told:
    """Not more often than somebody can look."""

    def __init__(self) -> None:
        self._at = 0.0
        self._doing = ""

    def __call__(self, now: Progress) -> None:
        at = time.monotonic()
        if now.doing != self._doing or at - self._at >= TELL_EVERY:
            self._at, self._doing = at, now.doing
            _say({"done": now.done, "of": now.of, "doing": now.doing})


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(what)}\n")
    sys.stdout.flush()
