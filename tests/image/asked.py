"""`python -P -m tests.image.asked LEADER`, in the network of a container: has carried out what is asked for
there, and says for how long each service did not answer meanwhile, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from tests.image.probes import Probes
from tests.journeys.waiting import eventually

WITHIN = 60.0
UNIT = ("systemctl", "start", "appliance-update.service")


@dataclass(frozen=True, slots=True)
class Inside:
    """The ports of an image."""

    telnet: int = 23
    web: int = 80
    sip: int = 5060


def main(leader: str) -> int:
    with Probes(Inside()) as probes:
        eventually(lambda: probes.all_answered_since(0), within_s=WITHIN)
        enter = ("nsenter", "-t", leader, "-m", "-p", "-i", "-u", "-C", "--")
        done = subprocess.run((*enter, *UNIT), capture_output=True, text=True, check=False)
        ended = time.monotonic()
        eventually(lambda: probes.all_answered_since(ended), within_s=WITHIN)
    print(json.dumps(probes.outages()))
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
