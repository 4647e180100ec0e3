"""The media server in its own process, asked by JSON lines: PJSUA2 cannot be started twice in one.

`python -P -m tests.sip.media_driver '{"port": …}'`; each line in is answered with the facts; the end of input
ends it.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from pathlib import Path
from typing import NoReturn

import router.pjsua.media
from router.pjsua.media import EngineError, MediaServer

TURN = 0.01
ANSWER = router.pjsua.media._answer


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _raising(*_: object) -> NoReturn:
    raise RuntimeError("broken for a test")


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    given = json.loads(sys.argv[1])
    low, high = given.pop("rtp_ports")
    listen, port = given.pop("listen"), given.pop("port")
    given["copies"] = Path(given["copies"])
    try:
        server = MediaServer(listen, port, range(low, high + 1), **given)
    except EngineError as exc:
        say(failed=str(exc))
        return 2
    say(**server.facts())
    while True:
        server.pump(TURN)
        if select.select([0], [], [], 0)[0]:
            got = os.read(0, 65536)
            if not got:
                server.close()
                say(closed=True)
                return 0
            for line in got.split():
                router.pjsua.media._answer = _raising if line == b"break" else ANSWER
                say(**server.facts())


if __name__ == "__main__":
    sys.exit(main())
