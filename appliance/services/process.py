"""One child process: its own session, its output line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from appliance.services.leash import PARENT

LONGEST_LINE = 1 << 16


class ChildProcess:
    """A started process. A program of ours holds on to `leash` and so ends with this process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @staticmethod
    async def start(argv: Sequence[str], env: Mapping[str, str]) -> ChildProcess:
        """Raises OSError if the program cannot be started."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**env, PARENT: str(os.getpid())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        return ChildProcess(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self, output: Callable[[str], None]) -> int:
        """Pass on the output until the process ends; its exit code, negative for a signal. Whatever it
        started and left behind is killed."""
        reading = asyncio.create_task(self._read(output), name=f"output of {self.pid}")
        try:
            code = await self._process.wait()
        finally:
            self.kill()
        await asyncio.wait({reading}, timeout=0.5)  # the pipe may be held open by somebody else's child
        reading.cancel()
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it and its whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _read(self, output: Callable[[str], None]) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                output(f"(left out: a line of more than {LONGEST_LINE} bytes)")
                continue
            if not line:
                return
            output(line.decode(errors="replace").rstrip())


def in_words(code: int) -> str:
    """An exit code for people."""
    if code >= 0:
        return "ended" if code == 0 else f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
