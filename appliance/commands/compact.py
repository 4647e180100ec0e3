"""`callisto compact`: the store is cleaned and made small, by the appliance that runs."""

from __future__ import annotations

import asyncio
import json
import sys

from appliance.commands.opened import actor
from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.compact import ControlCompact
from db.compacted import Compacted
from shell.compact_data import encode, summary
from shell.compact_ports import CompactRefusedError
from shell.ports import SystemUnavailableError
from shell.safe import safe

DONE, REFUSED, NOTHING_RUNS = 0, 1, 3


def run(config: Config, *, as_json: bool) -> int:
    """0: done; 1: refused; 3: nothing runs on this state directory. Ctrl-C leaves it; it goes on."""
    try:
        done = asyncio.run(_run(config))
    except SystemUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    except CompactRefusedError as exc:
        complain(exc.message, exc.hint)
        return REFUSED
    if as_json:
        print(json.dumps(encode(done), ensure_ascii=False, indent=2))
        return DONE
    print(summary(done))
    for each in done.cleaned:
        kept = f"older than {each.days} days" if each.days else "all are kept"
        print(f"  {safe(each.what)}: {each.rows:,} deleted ({kept})")
    if done.remark:
        print(safe(done.remark))
    return DONE


async def _run(config: Config) -> Compacted:
    async with ControlClient(config.control_socket) as control:
        async for step in ControlCompact(control).run(actor()):
            if step.result is not None:
                return step.result
            if sys.stderr.isatty():
                print(safe(step.doing), file=sys.stderr)
    raise SystemUnavailableError("it does not tell what came of it")
