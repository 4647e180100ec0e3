"""Calls on the system bus through systemd's own `busctl`.

A library would be one more dependency of every installation for six calls, on machines that all have the
program: where timedated runs, systemd is, and with it busctl. Its arguments are typed, its answers are JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Mapping
from typing import Any

WITHIN = 5.0
PROGRAM = "busctl"


class BusError(Exception):
    """A call has failed; the text is the bus's, or says why the program could not be run."""


class Busctl:
    """`env` is the whole environment of the program; it is looked for along its PATH and nowhere else."""

    def __init__(self, env: Mapping[str, str], within: float = WITHIN) -> None:
        self._env = dict(env)
        self._within = within

    async def call(self, service: str, path: str, interface: str, method: str, *args: str) -> None:
        """`args`: the signature and the values, as in busctl(1). Raises BusError."""
        await self._run("call", service, path, interface, method, *args)

    async def properties(self, service: str, path: str, interface: str, *names: str) -> dict[str, Any]:
        """Each property's value. Raises BusError."""
        text = await self._run("get-property", service, path, interface, *names)
        try:
            found = [json.loads(line)["data"] for line in text.splitlines() if line.strip()]
        except (ValueError, KeyError, TypeError) as exc:
            raise BusError(f"{PROGRAM} answered what is no property: {text[:200]!r}") from exc
        if len(found) != len(names):
            raise BusError(f"{PROGRAM} answered {len(found)} properties, not {len(names)}")
        return dict(zip(names, found, strict=True))

    async def _run(self, *args: str) -> str:
        program = shutil.which(PROGRAM, path=self._env.get("PATH", ""))
        if program is None:
            raise BusError(f"{PROGRAM} is not on this machine; it comes with systemd")
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                "--system",
                "--json=short",
                *args,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as exc:
            raise BusError(f"{PROGRAM} cannot be run: {exc.strerror}") from exc
        try:
            async with asyncio.timeout(self._within):
                out, err = await process.communicate()
        except TimeoutError:
            raise BusError(f"no answer from {args[1]} within {self._within:g} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            said = " ".join(err.decode(errors="replace").split())[:300]
            raise BusError(said or f"{PROGRAM} ended with {process.returncode}")
        return out.decode(errors="replace")
