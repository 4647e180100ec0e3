"""An admin's Telnet client, of sockets alone: it refuses every option and strips what is not text."""

from __future__ import annotations

import re
import socket
import ssl
import time
from pathlib import Path
from types import TracebackType
from typing import Self

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
PROMPT = "callisto# "


class TelnetAdmin:
    """A context manager around one connection."""

    def __init__(self, port: int, within_s: float = 20, *, certificate: Path | None = None) -> None:
        """With `certificate` over TLS: no other one is taken."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=within_s)
        if certificate:
            trusting = ssl.create_default_context(cafile=str(certificate))
            self._socket = trusting.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._within_s = within_s
        self._raw = bytearray()
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def login(self, user: str, password: str) -> None:
        self.read_to("Username: ")
        self.type(user)
        self.read_to("Password: ")
        self.type(password)
        self.read_to(PROMPT)

    def command(self, line: str) -> str:
        """What the appliance says to one line, without the prompt."""
        self.type(line)
        return self.read_to(PROMPT)

    def type(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\r\n")

    def read_to(self, ending: str) -> str:
        """All text up to `ending`; fails when it does not come in time."""
        deadline = time.monotonic() + self._within_s
        while ending not in self._text:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no {ending!r} in time; there was {self._text!r}") from None
            if not data:
                raise AssertionError(f"the connection was closed before {ending!r}; there was {self._text!r}")
            self._raw += data
            self._text += self._plain()
        before, _, self._text = self._text.partition(ending)
        return before

    def _plain(self) -> str:
        """The text in `_raw`, negotiations answered; an unfinished one stays there."""
        out = bytearray()
        while self._raw:
            if self._raw[0] != IAC:
                out.append(self._raw.pop(0))
                continue
            end = self._command_end()
            if end is None:
                break
            command, option = self._raw[1], self._raw[2] if end > 2 else 0
            if command == IAC:
                out.append(IAC)
            elif command in (DO, WILL):
                self._socket.sendall(bytes((IAC, WONT if command == DO else DONT, option)))
            del self._raw[:end]
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\0", "", out.decode(errors="replace"))

    def _command_end(self) -> int | None:
        if len(self._raw) < 2:
            return None
        if self._raw[1] == SB:
            end = self._raw.find(bytes((IAC, SE)))
            return None if end < 0 else end + 2
        wanted = 3 if self._raw[1] in (DO, DONT, WILL, WONT) else 2
        return wanted if len(self._raw) >= wanted else None
