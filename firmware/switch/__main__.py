"""`python -P -m firmware.switch request|start|healthy|unhealthy`, as root, on a machine of an image."""

from __future__ import annotations

import sys
import time

from firmware.switch.decisions import Here
from firmware.switch.machine import RealMachine
from firmware.switch.places import Places
from firmware.switch.ports import SwitchError
from firmware.switch.verbs import Verbs
from firmware.update import machine as found

VERBS = ("request", "start", "healthy", "unhealthy")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in VERBS:
        print(f"usage: python -P -m firmware.switch {'|'.join(VERBS)}", file=sys.stderr)
        return 2
    places = Places()
    here = Here(found.system_version(places.root), found.booted(places.root), time.time())
    verbs = Verbs(places, RealMachine(places), here, found.base(places.root), found.kernel(places.root))
    try:
        getattr(verbs, arguments[0])()
    except SwitchError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
