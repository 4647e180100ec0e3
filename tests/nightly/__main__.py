"""`python -P -m tests.nightly [--minutes 30]`: the soak.

Exit code 0: nothing is left over and nothing is missing; 1: something is, and it is named; 2: it could not be
run.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance.demo.local import NotReadyError
from appliance.demo.phones import NoSippError, sipp
from tests.bench.systems import AbsentError
from tests.nightly.soak import FORGOTTEN, KINDS, soak


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -P -m tests.nightly", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long calls are placed")
    parser.add_argument("--keep", type=Path, help="a folder for logs and store, which stays")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # whatever was started is ended
    with tempfile.TemporaryDirectory(prefix="callisto-soak-") as folder:
        try:
            left = soak(sipp(), options.keep or Path(folder), 60 * options.minutes, (*KINDS, *FORGOTTEN))
        except (AbsentError, NoSippError, NotReadyError) as exc:
            print(exc, file=sys.stderr)
            return 2
    for name, count in left.placed.items():
        print(f"{count:6} {name}")
    print(f"{sum(left.placed.values()):6} calls placed, {left.records} records")
    for problem in left.problems:
        print(f"- {problem}")
    if not left.problems:
        print("no call, leg, transaction or descriptor is left over, and no record is missing")
    return 1 if left.problems else 0


if __name__ == "__main__":
    sys.exit(main())
