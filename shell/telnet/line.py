"""The line front end: for programs, for clients that answer no option, and for everybody's login."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from shell.completion import completed
from shell.safe import safe
from shell.telnet.editor import Happened, LineEditor
from shell.telnet.link import Link
from shell.telnet.nvt import encode
from shell.term import EndOfInput, Fixed, Interrupted, Line, LineTooLongError, Question, Suggest, plain

TYPE_AHEAD = 4096
"""Characters that may wait for a prompt."""


class LineTerm:
    """No ESC byte is ever written here: a terminal that cannot do anything must not be asked to."""

    rich = False

    def __init__(self, link: Link, limit: int) -> None:
        self._link = link
        self._limit = limit
        self._fixed = Fixed()
        self._pending = ""
        self._begun: LineEditor | None = None
        """The line of `meanwhile` that has no end yet."""
        self._prompt = ""
        """Shown, with nothing typed after it."""
        self._typing = False
        self._notices: list[str] = []
        self._suggest: Suggest | None = None
        self.in_place = False
        """A person types, one character at a time, and leaves the echo to us: Tab and `?` act at once."""

    @property
    def columns(self) -> int:
        return self._fixed.columns or self._link.columns

    @property
    def rows(self) -> int:
        return self._fixed.rows or self._link.rows

    def fix(self, *, rows: int | None = None, columns: int | None = None) -> None:
        self._fixed = self._fixed.but(rows, columns)

    @property
    def pending(self) -> str:
        """Typed ahead and not used yet; for the front end that takes over after the login."""
        typed, self._pending = self._pending, ""
        return typed

    async def ask(
        self,
        prompt: str,
        *,
        secret: bool = False,
        suggest: Suggest | None = None,
        remember: bool = False,  # noqa: ARG002 -- there is no going back without a cursor
        start: str = "",
    ) -> str:
        """As the port says. The end of a secret line is not echoed: it goes out with the verdict."""
        self._suggest = suggest if self.in_place else None
        editor = LineEditor(self._limit, start[: self._limit] if self._suggest else "")
        self._link.write(encode(safe(prompt + editor.text)))
        try:
            return await self._line(editor, secret=secret, prompt=prompt)
        finally:
            self._prompt, self._typing = "", False
            self._tell()

    async def meanwhile(self) -> str:
        editor = self._begun = self._begun or LineEditor(self._limit)
        try:
            text = await self._line(editor, secret=False)
        except (Interrupted, LineTooLongError, EndOfInput):
            self._begun = None
            raise
        self._begun = None
        return text

    async def interrupted(self) -> None:
        while True:
            before, ctrl_c, after = self._pending.partition("\x03")
            if ctrl_c:
                self._pending = after
                return
            if len(before) >= TYPE_AHEAD or self._link.ended:
                await asyncio.get_running_loop().create_future()  # TCP holds the client
            with suppress(EndOfInput):
                self._pending += await self._link.read()

    async def _line(self, editor: LineEditor, *, secret: bool, prompt: str | None = None) -> str:
        while True:
            happened = self._edit(editor, secret=secret)
            if happened is Happened.TAB and self._complete(editor):
                continue
            if happened is not Happened.NOTHING:
                return self._result(happened, editor, secret=secret)
            if prompt is not None:
                self._typing = secret or bool(editor.text)
                self._prompt = "" if self._typing else prompt
            try:
                await self._link.drain()
                self._pending = await self._link.read()
            except EndOfInput:
                if not editor.text or editor.overflow:
                    raise
                return editor.text  # the last line of a pipe, without its end

    async def key(self) -> str:
        raise EndOfInput("a line terminal has no single keys")

    async def show(self, *lines: Line) -> None:
        self._link.write(encode("".join(safe(plain(line)) + "\n" for line in lines)))
        await self._link.drain()

    async def stream(self, *lines: Line) -> None:
        await self._link.trickle(encode(safe(plain(line)) + "\n") for line in lines)

    async def redraw(self, *lines: Line) -> None:
        await self.show(*lines)

    async def status(self, line: Line) -> None:
        """Nothing: what could not be taken back would stay."""

    async def clear(self) -> None:
        """Nothing: there is no cursor."""

    def notice(self, line: Line) -> None:
        """Show a line that nobody asked for: at once, or after the one that is being typed."""
        self._notices.append(safe(plain(line)) + "\n")
        if not self._typing:
            self._tell()

    def _tell(self) -> None:
        if self._notices and not self._link.ended:
            text = "".join(self._notices)
            self._link.write(encode(f"\n{text}{safe(self._prompt)}" if self._prompt else text))
        self._notices.clear()

    def _edit(self, editor: LineEditor, *, secret: bool) -> Happened:
        """Use what is pending up to the end of the line; its echo is one write."""
        echoes: list[str] = []
        happened: Happened | None = Happened.NOTHING
        used = 0
        for char in self._pending:
            used += 1
            if happened := self._asked(char, editor, last=used == len(self._pending)):
                break
            happened, echo = editor.key(char)
            if not secret or happened is Happened.INTERRUPTED:
                echoes.append(echo)
            if happened is not Happened.NOTHING:
                break
        self._pending = self._pending[used:]
        if self._link.echo and echoes:
            self._link.write(encode("".join(echoes)))
        return happened or Happened.NOTHING

    def _asked(self, char: str, editor: LineEditor, *, last: bool) -> Happened | None:
        """Whether a key is pressed for help. In the middle of what a program sends at once, none is."""
        if self._suggest is None or not last or editor.in_sequence:
            return None
        return {"\t": Happened.TAB, "?": Happened.QUESTION}.get(char)

    def _complete(self, editor: LineEditor) -> bool:
        """Go on with the line; False where there are several ways, or none."""
        assert self._suggest is not None
        found = completed(editor.text, self._suggest(editor.text))
        if found is None:
            return False
        typed = "\x7f" * found[0] + found[1]
        self._link.write(encode("".join(editor.key(char)[1] for char in typed)))
        return True

    def _result(self, happened: Happened, editor: LineEditor, *, secret: bool) -> str:
        if self._link.echo and not (secret and happened is Happened.ENTERED):
            self._link.write(b"\r\n")
        match happened:
            case Happened.INTERRUPTED:
                raise Interrupted
            case Happened.ENDED:
                raise EndOfInput
            case Happened.TAB | Happened.QUESTION:
                raise Question(editor.text)
            case Happened.TOO_LONG:
                raise LineTooLongError(self._limit)
            case _:
                return editor.text
