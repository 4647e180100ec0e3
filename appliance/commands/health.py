"""`callisto health`: exit code 0 when all services answer, within some time."""

from __future__ import annotations

import asyncio

from appliance.config import Config
from appliance.health import ask, asked
from shell.safe import safe

WELL, ILL = 0, 1


def run(config: Config, within: float, version: str = "") -> int:
    """`version`: of what has to answer; empty for any."""
    answers = asyncio.run(ask(asked(config, version), within))
    for answer in answers:
        print(f"{answer.service:<12} {safe(answer.trouble) or 'answers'}", flush=True)
    return ILL if any(answer.trouble for answer in answers) else WELL
