"""One child process: its own session, its output in blocks of lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from appliance.services.leash import PARENT
from appliance.services.output import ChildOutput


class ChildProcess:
    """A started process. A program of ours holds on to `leash` and so ends with this process."""

    def __init__(self, process: asyncio.subprocess.Process, output: ChildOutput) -> None:
        self._process = process
        self._output = output

    @staticmethod
    async def start(
        argv: Sequence[str], env: Mapping[str, str], output: Callable[[str], None], given: bytes | None = None
    ) -> ChildProcess:
        """Raises OSError if the program cannot be started. `output` gets what it writes: whole lines, one or
        more at once, without the last newline. `given`: all that it can read, a few KB at most."""
        pipe = ChildOutput(output)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                env={**env, PARENT: str(os.getpid())},
                stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
                stdout=pipe.writing,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            pipe.started()
            await pipe.close(0.0)
            raise
        pipe.started()
        if process.stdin is not None:
            process.stdin.write(given or b"")  # the pipe holds 64 KB: nobody waits
            process.stdin.close()
        return ChildProcess(process, pipe)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Wait for the end, the last output passed on; the exit code, negative for a signal. Whatever it
        started and left behind is killed."""
        try:
            code = await self._process.wait()
        finally:
            self.kill()
        await self._output.close(0.5)  # the pipe may be held open by somebody else's child
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it and its whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def in_words(code: int) -> str:
    """An exit code for people."""
    if code >= 0:
        return "ended" if code == 0 else f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
