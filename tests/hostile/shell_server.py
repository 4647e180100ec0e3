"""The shell's Telnet server with its usual limits; else as tests.bench.shell_server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from shell.telnet.limits import Limits
from tests.bench.shell_server import main

if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Limits(negotiation_s=0.3)))
