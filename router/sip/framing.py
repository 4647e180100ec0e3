"""Messages out of a stream of bytes (RFC 3261 18.3), however it is cut. Pure."""

from __future__ import annotations

from router.sip.model import Message, MessageError
from router.sip.reading import END, content_length, read_head

LARGEST = 65536
"""Bytes of a message, head and body."""


class StreamParser:
    """Messages out of a stream (RFC 3261 18.3), however its bytes are cut.

    `pongs`: how many keep-alive pings (RFC 5626 4.4.1) wait for a pong; whoever sends them sets it to 0.
    `raw`: None, or a list that gets each message as it came; whoever reads it empties it.
    """

    __slots__ = ("_breaks", "_buffer", "_head", "_length", "_raw_head", "_searched", "pongs", "raw")

    def __init__(self) -> None:
        self.pongs = 0
        self.raw: list[bytes] | None = None
        self._raw_head = b""
        self._buffer = bytearray()
        self._breaks = 0
        self._searched = 0
        self._head: Message | None = None
        self._length = 0

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""
        return self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now.

        Raises MessageError when the stream cannot be understood any more: it is to be closed; the error's
        `earlier` are the messages before.
        """
        self._buffer += data
        messages: list[Message] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except MessageError as error:
            error.earlier = messages
            raise
        return messages

    def _next(self) -> Message | None:
        if self._head is None and not self._take_head():
            return None
        message, buffer = self._head, self._buffer
        if message is None or len(buffer) < self._length:
            return None
        message.body = bytes(buffer[: self._length])
        del buffer[: self._length]
        self._head = None
        if self.raw is not None:
            self.raw.append(self._raw_head + message.body)
        self._raw_head = b""
        return message

    def _take_head(self) -> bool:
        buffer = self._buffer
        self._skip_keep_alives(buffer)
        start = max(0, self._searched - 3)
        found = END.search(buffer, start)
        if (found.end() if found else len(buffer)) > LARGEST:
            raise MessageError(f"headers of more than {LARGEST} bytes", 513)
        if found is None:
            self._searched = len(buffer)
            return False
        head = bytes(buffer[: found.start()])
        self._raw_head = head + found[0]
        del buffer[: found.end()]
        self._searched = 0
        message = read_head(head)
        length = content_length(message)
        if length is None and "Content-Type" in message.headers:
            raise MessageError("a body without Content-Length on a stream", message=message)
        self._length = length or 0
        if self._length + len(head) > LARGEST:
            raise MessageError(f"more than {LARGEST} bytes", 513, message)
        self._head = message
        return True

    def _skip_keep_alives(self, buffer: bytearray) -> None:
        if not buffer or buffer[0] not in b"\r\n":
            if buffer:
                self._breaks = 0
            return
        skipped = len(buffer) - len(buffer.lstrip(b"\r\n"))
        self._breaks += buffer.count(b"\n", 0, skipped)
        del buffer[:skipped]
        self.pongs += self._breaks // 2
        self._breaks = 0 if buffer else self._breaks % 2
        self._searched = 0
