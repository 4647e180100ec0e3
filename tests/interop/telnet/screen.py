"""A program in a terminal of its own, by tmux: what is typed, and what stands on the screen."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path

WITHIN_S = 15.0
LOOK_S = 0.02
# tmux 3.3 cannot be trusted to know how a program ended.
RUN = 'trap : INT; "$@"; printf "\\n[ended with %d]\\n" $?; exec sleep infinity'
NOT_OURS = {"TMUX", "TMUX_PANE", "LINES", "COLUMNS"}
"""Of the terminal that the tests run in; a program would believe them."""
ENDED = r"^\[ended with (\d+)\]$"


class Screen:
    """`open` once, `close` always. Its tmux server is its own: nobody else's sessions are touched."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="screen-"))
        self._server = 0

    async def open(self, *command: str, columns: int, rows: int) -> None:
        run = shlex.join(("exec", "sh", "-c", RUN, "sh", *command))
        begin = (
            "set -g default-terminal tmux-256color",
            "set -g escape-time 0",
            f"new-session -d -x {columns} -y {rows} {shlex.quote(run)}",
        )
        settings = self._folder / "tmux.conf"
        settings.write_text("".join(f"{line}\n" for line in begin))
        await self._tmux("-u", "-f", str(settings), "start-server")
        self._server = int(await self._tmux("display-message", "-p", "#{pid}"))

    async def close(self) -> None:
        if self._server:
            await self._tmux("kill-server")
            async with asyncio.timeout(WITHIN_S):
                while True:
                    if not _runs(self._server):
                        break
                    await asyncio.sleep(LOOK_S)
        shutil.rmtree(self._folder)

    async def type(self, text: str) -> None:
        """Letter by letter, as a keyboard would."""
        await self._tmux("send-keys", "-l", "--", text)

    async def press(self, *keys: str) -> None:
        """Keys by their tmux names: Enter, Tab, Up, C-c."""
        await self._tmux("send-keys", "--", *keys)

    async def enter(self, line: str) -> None:
        await self.type(line)
        await self.press("Enter")

    async def resize(self, columns: int, rows: int) -> None:
        await self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    async def text(self) -> str:
        """The screen as a person sees it, without blanks at the ends of lines, and the lines above it."""
        return await self._tmux("capture-pane", "-p", "-S", "-")

    async def shows(self, wanted: str) -> str:
        """Wait until the pattern (of lines that begin and end, MULTILINE) stands there; the whole screen."""
        pattern = re.compile(wanted, re.MULTILINE)
        seen = ""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    if pattern.search(seen := (await self.text()).rstrip()):
                        return seen
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{wanted!r} was not shown; the screen was:\n{seen}") from None

    async def ended(self) -> int:
        """Wait until the program has ended; its exit status, for the shell: 130 after Ctrl-C."""
        seen = await self.shows(ENDED)
        return int(re.findall(ENDED, seen, re.MULTILINE)[-1])

    async def _tmux(self, *arguments: str) -> str:
        environ = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "-S",
            str(self._folder / "socket"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environ | {"LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"},
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, f"tmux {arguments[0]}: {out.decode(errors='replace')}"
        return out.decode(errors="replace").rstrip("\n")


def _runs(pid: int) -> bool:
    """Not when it only waits to be collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
