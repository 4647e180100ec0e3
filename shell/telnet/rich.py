"""The rich front end: prompt_toolkit over one Telnet connection, without pipes and signals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, create_app_session
from prompt_toolkit.application.current import AppSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input, typeahead
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from shell.completion import completed
from shell.safe import safe
from shell.telnet.link import Link
from shell.telnet.nvt import encode
from shell.telnet.paint import Paint, depth
from shell.term import EndOfInput, Fixed, Interrupted, Line, LineTooLongError, Question, Suggest, plain

log = logging.getLogger(__name__)

TYPE_AHEAD = 4096
"""Keys that may wait for a prompt; with more of them waiting, nothing is read, and TCP holds the client."""
PAUSE_S = 0.05
TOLD_S = 15.0
MOST_TOLD = 5
HISTORY = 200
KEYS_AT_ONCE = 32
"""A key takes a millisecond or more; this many are acted on before anybody else has his turn."""


class TelnetInput(Input):
    """Keys parsed from what `feed` is given; no file descriptor, no thread."""

    def __init__(self) -> None:
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._keys.append)
        self._ready: Callable[[], None] | None = None
        self._closed = False

    def feed(self, text: str) -> None:
        self._parser.feed(text)
        self._wake()

    def end(self) -> None:
        self._closed = True
        self._wake()

    @property
    def waiting(self) -> int:
        return len(self._keys)

    def fileno(self) -> int:
        raise OSError("a Telnet connection has no terminal of its own")

    def typeahead_hash(self) -> str:
        return f"telnet-{id(self)}"

    def read_keys(self) -> list[KeyPress]:
        keys, self._keys[:] = self._keys[:], []
        return keys

    def flush_keys(self) -> list[KeyPress]:
        self._parser.flush()
        return self.read_keys()

    @property
    def closed(self) -> bool:
        return self._closed

    def raw_mode(self) -> AbstractContextManager[None]:
        return _nothing()

    def cooked_mode(self) -> AbstractContextManager[None]:
        return _nothing()

    def attach(self, input_ready_callback: Callable[[], None]) -> AbstractContextManager[None]:
        return self._attached(input_ready_callback)

    def detach(self) -> AbstractContextManager[None]:
        return self._attached(None)

    @contextmanager
    def _attached(self, callback: Callable[[], None] | None) -> Generator[None, None, None]:
        before, self._ready = self._ready, callback
        try:
            if self._keys or self._closed:
                self._wake()
            yield
        finally:
            self._ready = before

    def _wake(self) -> None:
        """Let prompt_toolkit act on the keys. It runs into errors on some that no keyboard makes, such as a
        mouse report cut short, and is itself again after them."""
        if self._ready is None:
            return
        try:
            self._ready()
        except Exception:
            log.info("keys that were not understood were dropped", exc_info=True)


class _Screen:
    """The little of a text file that Vt100_Output writes to."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, link: Link) -> None:
        self._link = link
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        self._parts.append(text)
        return len(text)

    def flush(self) -> None:
        if self._parts:
            data, self._parts = "".join(self._parts), []
            self._link.write(encode(data))

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("a Telnet connection has no terminal of its own")


class RichTerm:
    """Editing, completion, history, paging and colour. `close` when the session ends."""

    rich = True

    def __init__(self, link: Link, limit: int, typed_ahead: str = "") -> None:
        self._link = link
        self._limit = limit
        self._fixed = Fixed()
        self._paint = Paint(depth(link.term, link.colorterm))
        self._input = TelnetInput()
        self._unfed = typed_ahead
        self._output = Vt100_Output(
            _Screen(link),  # type: ignore[arg-type]
            lambda: Size(rows=link.rows, columns=link.columns),
            term=link.term,
            default_color_depth=_DEPTHS[self._paint.colours],
            # Asking for the cursor's position makes programs wait and prints a warning to them.
            enable_cpr=False,
        )
        self._overflow = False
        self._status: Line = ""
        self._told: list[tuple[float, Line]] = []
        """Until when each of them stands above what is redrawn."""
        self._history = _ShortHistory()
        self._session: PromptSession[str] | None = None
        self._app_session: AbstractContextManager[AppSession] | None = None

    @property
    def columns(self) -> int:
        return self._fixed.columns or self._link.columns

    @property
    def rows(self) -> int:
        return self._fixed.rows or self._link.rows

    def fix(self, *, rows: int | None = None, columns: int | None = None) -> None:
        self._fixed = self._fixed.but(rows, columns)

    async def ask(
        self,
        prompt: str,
        *,
        secret: bool = False,
        suggest: Suggest | None = None,
        remember: bool = False,
        start: str = "",
    ) -> str:
        session = self._prompt_session()
        session.history = self._history if remember else InMemoryHistory()
        session.default_buffer.history = session.history
        self._overflow = False
        pump = asyncio.create_task(self._pump(), name=f"keys of {self._link.address}")
        try:
            text = await session.prompt_async(
                # With a style: prompt_toolkit sends no blanks at the end of a line that have none, but moves
                # the cursor, and scripts wait for the prompt with its blank.
                [("fg:ansidefault", safe(prompt))],
                is_password=secret,
                key_bindings=_help_keys(suggest),
                default=start,
                # The defaults would take over the process's SIGINT and the loop's exception handler.
                handle_sigint=False,
                set_exception_handler=False,
            )
        except KeyboardInterrupt:
            raise Interrupted from None
        except EOFError:
            raise EndOfInput from None
        finally:
            pump.cancel()
            with suppress(asyncio.CancelledError):
                await pump
        if self._overflow:
            raise LineTooLongError(self._limit)
        return text

    async def key(self) -> str:
        while True:
            pressed = [*typeahead.get_typeahead(self._input), *self._input.read_keys()]
            while pressed:
                press = pressed.pop(0)
                if press.key is not Keys.CPRResponse:
                    typeahead.store_typeahead(self._input, pressed)
                    return press.data
            self._input.feed(self._unfed or await self._link.read())
            self._unfed = ""

    async def meanwhile(self) -> str:
        pressed = await self.key()
        if pressed == "\x03":
            raise Interrupted
        return pressed

    async def interrupted(self) -> None:
        while "\x03" not in self._unfed:
            if len(self._unfed) >= TYPE_AHEAD or self._link.ended:
                await asyncio.get_running_loop().create_future()  # TCP holds the client
            with suppress(EndOfInput):
                self._unfed += await self._link.read()
        self._unfed = self._unfed.partition("\x03")[2]

    async def show(self, *lines: Line) -> None:
        columns = self.columns
        self._link.write(encode("".join(self._paint.line(line, columns) + "\n" for line in lines)))
        await self._link.drain()

    async def stream(self, *lines: Line) -> None:
        columns = self.columns
        await self._link.trickle(encode(self._paint.line(line, columns) + "\n") for line in lines)

    async def redraw(self, *lines: Line) -> None:
        columns, rows = self.columns, self._link.rows - 1
        now = asyncio.get_running_loop().time()
        self._told = [(until, line) for until, line in self._told if now < until]
        shown = (*(line for _, line in self._told), *lines)
        text = "".join(self._paint.line(line, columns) + "\x1b[K\n" for line in shown[:rows])
        await self._link.trickle([encode("\x1b[H" + text + "\x1b[J")])

    async def status(self, line: Line) -> None:
        self._status = line
        self._link.write(encode("\r" + self._paint.line(line, self.columns) + "\x1b[K\r"))
        await self._link.drain()

    def notice(self, line: Line) -> None:
        """Show a line that nobody asked for, at once; what is being typed is drawn again below it."""
        columns = self.columns
        text = f"\r{self._paint.line(line, columns)}\x1b[K\n"
        app = self._session.app if self._session else None
        if app is not None and app.is_running and app.context is not None:
            app.context.run(_interject, app, lambda: self._link.write(encode(text)))
            return
        self._told = [*self._told[-MOST_TOLD:], (asyncio.get_running_loop().time() + TOLD_S, line)]
        again = f"{self._paint.line(self._status, columns)}\x1b[K\r" if plain(self._status) else ""
        self._link.write(encode(text + again))

    async def clear(self) -> None:
        self._link.write(b"\x1b[2J\x1b[H")
        await self._link.drain()

    def close(self) -> None:
        self._link.on_resize(None)
        typeahead._buffer.pop(self._input.typeahead_hash(), None)
        if self._app_session is not None:
            self._app_session.__exit__(None, None, None)
            self._app_session = None

    async def _pump(self) -> None:
        """Feed what is typed while a prompt is shown, a few keys at a time."""
        try:
            while True:
                # What is not fed when the prompt ends is for the next one.
                self._unfed = self._unfed or await self._link.read()
                keys, self._unfed = self._unfed[:KEYS_AT_ONCE], self._unfed[KEYS_AT_ONCE:]
                self._input.feed(keys)
                await asyncio.sleep(0 if self._input.waiting < TYPE_AHEAD else PAUSE_S)
        except EndOfInput:
            self._input.end()

    def _cap(self, buffer: Buffer) -> None:
        """A line that grows without end would be drawn anew, whole, for each key."""
        if len(buffer.text) > self._limit:
            self._overflow = True
            buffer.text = buffer.text[: self._limit]

    def _prompt_session(self) -> PromptSession[str]:
        if self._session is None:
            self._app_session = create_app_session(input=self._input, output=self._output)
            self._app_session.__enter__()
            session: PromptSession[str] = PromptSession(
                history=self._history,
                reserve_space_for_menu=0,
                search_ignore_case=True,
                input=self._input,
                output=self._output,
            )
            session.default_buffer.on_text_changed += self._cap
            session.app.terminal_size_polling_interval = None
            session.app.ttimeoutlen = 0.3  # Telnet may cut an escape sequence in two
            self._session = session
            self._link.on_resize(lambda: _resize(session))
        return self._session


class _ShortHistory(InMemoryHistory):
    def store_string(self, string: str) -> None:
        super().store_string(string)
        del self._storage[:-HISTORY]
        del self._loaded_strings[HISTORY:]


def _help_keys(suggest: Suggest | None) -> KeyBindings:
    """Tab goes on with the line where there is one way to; else, as `?`, it says what may come."""
    keys = KeyBindings()
    if suggest is None:
        return keys

    @keys.add("?")
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=Question(event.current_buffer.text))

    @keys.add("tab")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        typed = buffer.document.text_before_cursor
        found = completed(typed, suggest(typed))
        if found is None:
            event.app.exit(exception=Question(buffer.text))
            return
        buffer.delete_before_cursor(found[0])
        buffer.insert_text(safe(found[1]))

    return keys


def _resize(session: PromptSession[Any]) -> None:
    app = session.app
    if app.is_running and app.context is not None:
        app.context.run(app._on_resize)


def _interject(app: Application[Any], write: Callable[[], None]) -> None:
    app.renderer.erase()
    write()
    app._redraw()


@contextmanager
def _nothing() -> Generator[None, None, None]:
    yield


_DEPTHS = {
    0: ColorDepth.DEPTH_1_BIT,
    16: ColorDepth.DEPTH_4_BIT,
    256: ColorDepth.DEPTH_8_BIT,
    1 << 24: ColorDepth.DEPTH_24_BIT,
}
