"""The process that repairs the store, one repair long. Started by the supervisor: a process that has the
store open must not read its file (docs/decisions/0013), and a repair keeps a processor busy for seconds."""

from __future__ import annotations

import json
import sys

from appliance import logs
from appliance.config import Config
from appliance.marks import REPAIR as MARK
from db.repair import server
from db.repair.job import Folder, Job
from db.repair.kept import Kept
from db.repair.sources import Sources
from db.repair.work import repair

DONE, REFUSED = 0, 1


def main(config: Config) -> int:
    """Carry out the job that is in its folder."""
    logs.set_up("repair")
    folder = Folder(config.repairs)
    job = folder.job()
    if job is None:
        return REFUSED
    if job.of_server:
        done = server.repair(folder, job, tell, config.store_url)
    else:
        done = repair(folder, job, tell, sources(config))
    return REFUSED if done.failed else DONE


def sources(config: Config) -> Sources:
    """What this machine has beside the store."""
    return Kept(config.journal_dir, config.snapshots, config.backups)


def tell(job: Job) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(job.as_json())}\n")
    sys.stdout.flush()
