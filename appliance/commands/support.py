"""`callisto support`: a bundle, made by the appliance that runs."""

from __future__ import annotations

import asyncio
import sys

from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.support import ControlSupport
from shell.ports import SystemUnavailableError
from shell.safe import safe
from shell.support_ports import Progress, SupportRefusedError

DONE, REFUSED, NOTHING_RUNS = 0, 1, 3


def make(config: Config) -> int:
    """The path of the file on standard output, how far it is on standard error. Ctrl-C cancels it."""
    try:
        last = asyncio.run(_make(config))
    except SystemUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    except SupportRefusedError as exc:
        complain(exc.message, exc.hint)
        return REFUSED
    for each in last.missing:
        complain(f"not in it: {safe(each)}")
    assert last.bundle is not None
    print(config.state / "support" / last.bundle.name)
    return DONE


async def _make(config: Config) -> Progress:
    last = Progress(0, 0, "")
    async with ControlClient(config.control_socket) as control:
        async for last in ControlSupport(control).make():
            if last.bundle is None and sys.stderr.isatty():
                print(f"{last.step} of {last.of}: {last.doing}", file=sys.stderr)
    return last
