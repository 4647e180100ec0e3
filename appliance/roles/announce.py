"""An asyncio service tells the supervisor that it is ready, its facts as they change, that it is alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError
from appliance.services.ports import Unit

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0


async def announce(client: ControlClient, unit: Unit, facts: Callable[[], Mapping[str, object]]) -> None:
    """For ever. After a lost connection the service introduces itself anew."""
    while True:
        try:
            told = dict(facts())
            await client.request("ready", service=unit.value, facts=told)
            await _keep_told(client, unit, facts, told)
        except (ControlUnavailableError, RefusedError) as exc:
            log.debug("not announced: %s", exc)
        await asyncio.sleep(LOOK_EVERY)


async def _keep_told(
    client: ControlClient, unit: Unit, facts: Callable[[], Mapping[str, object]], told: Mapping[str, object]
) -> None:
    """Until the connection is lost."""
    lost = asyncio.ensure_future(client.lost())
    try:
        while not (await asyncio.wait({lost}, timeout=LOOK_EVERY))[0]:
            if (now := dict(facts())) != told:
                await client.send("facts", service=unit.value, facts=now)
                told = now
            else:
                await client.send("alive", service=unit.value)
    finally:
        lost.cancel()
