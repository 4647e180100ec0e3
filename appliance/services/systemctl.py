"""systemd's own program: what it is asked for, and what it answers (systemctl(1))."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping, Sequence

PROGRAM = "systemctl"
LOOK_WITHIN = 30.0
"""systemd itself has much to do while a machine starts."""


class SystemctlError(Exception):
    """It did not do it; the text is what it said."""


class Systemctl:
    """`env` is the whole environment of the program; it is looked for along its PATH and nowhere else."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)

    async def do(self, verb: str, unit: str) -> None:
        """`verb`: start, stop, restart. Return when the job has ended, in the time that the unit gives it.
        Raises SystemctlError when it failed, or is not allowed."""
        await self._run(None, verb, "--no-ask-password", "--", unit)

    async def show(self, units: Sequence[str], properties: Sequence[str]) -> dict[str, dict[str, str]]:
        """These properties, Id among them, of each unit. Raises SystemctlError."""
        text = await self._run(LOOK_WITHIN, "show", f"--property={','.join(properties)}", "--", *units)
        found = [dict(_pairs(block)) for block in text.split("\n\n") if block.strip()]
        return {one["Id"]: one for one in found if "Id" in one}

    async def _run(self, within: float | None, *args: str) -> str:
        program = shutil.which(PROGRAM, path=self._env.get("PATH", ""))
        if program is None:
            raise SystemctlError(f"{PROGRAM} is not on this machine")
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *args,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as exc:
            raise SystemctlError(f"{PROGRAM} cannot be run: {exc.strerror}") from exc
        try:
            async with asyncio.timeout(within):
                out, err = await process.communicate()
        except TimeoutError:
            raise SystemctlError(f"no answer from systemd within {within:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            said = " ".join(err.decode(errors="replace").split())[:300]
            raise SystemctlError(said or f"{PROGRAM} ended with {process.returncode}")
        return out.decode(errors="replace")


def _pairs(block: str) -> list[tuple[str, str]]:
    found = (line.partition("=") for line in block.splitlines())
    return [(name, value) for name, equals, value in found if equals]
