"""Do all services answer? Asked from outside, as by those who use them: this decides if a slot is good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from appliance.checks import probes
from appliance.checks.probes import NoAnswerError
from appliance.config import Config
from appliance.control.client import ControlClient, ControlUnavailableError
from appliance.control.protocol import RefusedError
from shell.ports import Status

ANSWER_WITHIN = 5.0
AGAIN_AFTER = 1.0
LATE = timedelta(minutes=2)
"""A scheduler that ticks begins what is due within a second, and knows the next time then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`trouble`: why a service does not do its work; empty when it does."""

    service: str
    trouble: str = ""


Probe = Callable[[], Awaitable[str]]


def asked(config: Config, version: str = "") -> dict[str, Probe]:
    """Each gives the trouble it found, or an empty text; or raises NoAnswerError. `version`: of what has to
    answer, if that matters."""

    async def telnet() -> str:
        port, tls = config.telnet_port or config.telnets_port, not config.telnet_port
        greeting = await probes.telnet_greeting(config.listen, port, tls=tls)
        return "" if "Username" in greeting else "it asks for no name"

    async def web() -> str:
        page = await probes.login_page(config.listen, config.web_port)
        return "" if page.status == 200 and page.has_form else f"it answers {page.status}"

    async def sip() -> str:
        status = await probes.sip_options(config.listen, config.sip_port)
        # 403: it lives, and its networks leave this machine out.
        return "" if status.startswith(("2", "403")) else f"it answers {status}"

    async def supervisor() -> str:
        try:
            async with ControlClient(config.control_socket) as control:
                status = await control.request("status")
        except (ControlUnavailableError, RefusedError, OSError) as exc:
            raise NoAnswerError(str(exc)) from exc
        return trouble(status, version, datetime.now(UTC))

    return {"supervisor": supervisor, "shell": telnet, "web": web, "router": sip}


def trouble(status: Status, version: str, now: datetime) -> str:
    """What a supervisor tells of itself that it should not. `now`: aware."""
    if version and status["version"] != version:
        return f"version {status['version']} answers, not {version}"
    down = [one["name"] for one in status["services"] if one["state"] != "ready"]
    if down:
        return f"{', '.join(down)}: not ready"
    due = ((job["name"], job["next_run"]) for job in status["jobs"])
    late = [name for name, at in due if at and now - datetime.fromisoformat(at) > LATE]
    return f"{', '.join(late)}: due, and not begun" if late else ""


async def ask(probes_of: dict[str, Probe], within: float) -> tuple[Answer, ...]:
    """Ask again until all is well, for at most `within` seconds: how it was found last."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        found = await asyncio.gather(*(_ask(name, probe) for name, probe in probes_of.items()))
        if not any(answer.trouble for answer in found) or loop.time() >= end:
            return tuple(found)
        await asyncio.sleep(min(AGAIN_AFTER, max(0.0, end - loop.time())))


async def _ask(name: str, probe: Probe) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return Answer(name, await probe())
    except TimeoutError:
        return Answer(name, f"no answer within {ANSWER_WITHIN:g} s")
    except NoAnswerError as exc:
        return Answer(name, str(exc) or "no answer")
