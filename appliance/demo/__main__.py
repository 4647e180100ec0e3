"""`python -P -m appliance.demo`: three calls through an appliance of its own, explained as they happen.

Exit code 0: each call was connected to the phone expected; 1: one was not, or the appliance did not start;
2: sipp, which plays the phones, is not installed; 130: interrupted.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from appliance.control.client import watch
from appliance.demo import script, show
from appliance.demo.local import LocalAppliance, NotReadyError
from appliance.demo.phones import ANSWERS, RINGS, NoSippError, Phone, call, end, sipp
from db import transfer

CALL_WITHIN_S = 25.0
"""A call of the demo that has not ended by then is ended by us, and has failed."""
CALLER_WITHIN_S = 3.0


def main() -> int:
    try:
        sipp()
        with tempfile.TemporaryDirectory(prefix="callisto-demo-") as folder, ExitStack() as running:
            return _play(Path(folder), running)
    except NoSippError as exc:
        print(exc, file=sys.stderr)
        return 2
    except NotReadyError as exc:
        print(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _play(folder: Path, running: ExitStack) -> int:
    paint = show.Paint(sys.stdout.isatty())
    phones = {
        user: running.enter_context(Phone(user, ANSWERS if answers else RINGS, folder))
        for user, answers in script.PHONES.items()
    }
    appliance = running.enter_context(LocalAppliance(folder / "appliance"))
    _say(f"Starting the appliance on port {appliance.sip_port}, with {len(phones)} simulated phones …")
    file = folder / "office.yaml"
    office = script.office({user: phone.uri for user, phone in phones.items()})
    file.write_text(transfer.dump(office), encoding="utf-8")
    imported = appliance.callisto("import", str(file))
    if imported.returncode:
        raise NotReadyError(f"the office of the demo was refused:\n{imported.stderr or imported.stdout}")
    appliance.start()
    ended = asyncio.run(_Stage(appliance, phones, folder, paint).play())
    _say(show.summary(paint, ended))
    return 0 if all(one.as_expected for one in ended) else 1


class _Stage:
    """Places the calls one after the other and prints what is heard of them."""

    def __init__(
        self, appliance: LocalAppliance, phones: Mapping[str, Phone], folder: Path, paint: show.Paint
    ) -> None:
        self._appliance = appliance
        self._phones = phones
        self._folder = folder
        self._paint = paint
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def play(self) -> list[show.Ended]:
        ended = []
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(), name="watch calls")
            for place, staged in enumerate(script.CALLS, 1):
                _say(show.opening(self._paint, place, staged))
                ended.append(await self._place(staged))
                _say(show.verdict(self._paint, ended[-1]))
            watching.cancel()
        return ended

    async def _watch(self) -> None:
        async for topic, data in watch(self._appliance.control_socket, ("call",)):
            if topic == "call":
                self._events.put_nowait(data)

    async def _place(self, staged: script.Staged) -> show.Ended:
        before = {user: phone.connected() for user, phone in self._phones.items()}
        where = (self._folder, self._appliance.sip_port, staged.dialled)
        caller = call(*where, number=staged.number, name=staged.name)
        try:
            await self._follow()
            code = await asyncio.to_thread(caller.wait, CALLER_WITHIN_S)
        except (TimeoutError, subprocess.TimeoutExpired):
            code = None
        finally:
            end(caller)
        connected = tuple(user for user, phone in self._phones.items() if phone.connected() > before[user])
        return show.Ended(staged, connected, code)

    async def _follow(self) -> None:
        """Print its steps until the call has ended. Raises TimeoutError when it does not."""
        async with asyncio.timeout(CALL_WITHIN_S):
            while True:
                data = await self._events.get()
                if data.get("event") == "ended":
                    return
                if data.get("event") == "step":
                    _say(show.step(self._paint, data))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
