"""Bytes to messages, lenient as RFC 4475 asks of a robust element. Pure."""

from __future__ import annotations

import re

from router.sip.grammar import is_address, is_token, is_via
from router.sip.model import Headers, Message, MessageError, Request, Response
from router.sip.names import canonical, spellings

MOST_HEADERS = 200
LONGEST_LINE = 8192
"""Characters of a header's line, after unfolding."""
LARGEST = 65536
"""Bytes of a message on a stream, head and body."""

_FOLD = re.compile(r"\r?\n[ \t]+")
_END = re.compile(rb"\r?\n\r?\n")
_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
_KNOWN_METHODS = frozenset(
    ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY")
)
_URI_CHARACTERS = re.compile(r"[^\x00-\x20\x7f<>\"]+")
_STATUS_LINE = re.compile(r"([Ss][Ii][Pp]/[0-9.]+) +([0-9]{3})(?: (.*))?", re.DOTALL)


def parse(data: bytes) -> Message:
    """A datagram. The body is cut to Content-Length, or is all the rest when there is none.

    Raises MessageError and nothing else.
    """
    if data[:1] in b"\r\n":
        data = data.lstrip(b"\r\n")  # RFC 3261 7.5
    end = data.find(b"\r\n\r\n")
    start = end + 4
    if end < 0 or data.count(b"\n", 0, end) != data.count(b"\r\n", 0, end):
        found = _END.search(data)
        if found is None:
            message, _ = _read_head(data)
            raise MessageError("no empty line ends the headers", message=message)
        end, start = found.span()
    message, problem = _read_head(data[:end])
    if problem is not None:
        raise problem
    length = _content_length(message)
    if length is None:
        message.body = data[start:]
    elif len(data) - start < length:
        raise MessageError("the body is shorter than Content-Length says", message=message)
    else:
        message.body = data[start : start + length]
    return message


def _read_head(head: bytes) -> tuple[Message, MessageError | None]:
    """What can be read, and the first thing wrong with it. Raises MessageError if there is no start line."""
    text = head.decode("utf-8", "surrogateescape")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        lines = text.replace("\r\n", "\n").replace("\r", " ").split("\n")
    headers: Headers = {}
    message, problem, status = _start_line(lines[0], headers)
    if len(lines) > MOST_HEADERS + 1:
        del lines[MOST_HEADERS + 1 :]
        problem = problem or f"more than {MOST_HEADERS} headers"
    del lines[0]
    for line in lines:
        spelling, _, value = line.partition(":")
        name = spellings.get(spelling) or _name(spelling, line)
        if not name:
            if line:
                problem = problem or f"a header's line that cannot be read: {line[:60]!r}"
            continue
        value = value.strip(" \t")
        if name in headers:
            headers[name].append(value)
        else:
            headers[name] = [value]
    if len(text) > LONGEST_LINE and any(len(line) > LONGEST_LINE for line in lines):
        problem = problem or f"a header of more than {LONGEST_LINE} characters"
    problem = problem or _problem(message)
    return message, MessageError(problem, status, message) if problem else None


def _name(spelling: str, line: str) -> str:
    return canonical(spelling) if len(spelling) < len(line) else ""


def _start_line(line: str, headers: Headers) -> tuple[Message, str, int]:
    """The message, its headers still to come; what is wrong ("" if nothing); the status that says so."""
    if line[:4] in ("SIP/", "sip/"):
        return _status_line(line, headers), "", 400
    method, _, rest = line.partition(" ")
    uri, _, version = rest.partition(" ")
    if method not in _KNOWN_METHODS and not is_token(method):
        raise MessageError(f"neither a request nor a response: {line[:60]!r}")
    if len(line) > LONGEST_LINE:
        return Request(method, uri, headers), f"a Request-URI of more than {LONGEST_LINE} characters", 414
    problem, status = "", 400
    if version != "SIP/2.0":
        uri, version = _lenient_request_line(rest)
        if not version:
            problem = f"a request line that cannot be read: {line[:60]!r}"
        elif version.upper() != "SIP/2.0":
            problem, status = f"version {version[:20]!r}, here only SIP/2.0 is spoken", 505
    if not problem and _URI_CHARACTERS.fullmatch(uri) is None:
        problem = f"a Request-URI that cannot be read: {uri[:60]!r}"
    return Request(method, uri, headers), problem, status


def _lenient_request_line(rest: str) -> tuple[str, str]:
    """URI and version in spite of too much white space (RFC 4475 3.1.2.9 and 10); version "" if none."""
    words = [word for word in rest.split(" ") if word]
    if len(words) != 2 or words[1][:4].upper() != "SIP/":
        return (words[0] if words else ""), ""
    return words[0], words[1]


def _status_line(line: str, headers: Headers) -> Response:
    found = _STATUS_LINE.fullmatch(line)
    if found is None or found[1].upper() != "SIP/2.0" or not "100" <= found[2] <= "699":
        raise MessageError(f"a status line that cannot be read: {line[:60]!r}")
    return Response(int(found[2]), found[3] or "", headers)


def _problem(message: Message) -> str:
    """The first of RFC 3261's demands on every message that this one does not meet, or ""."""
    headers = message.headers
    try:
        (sender,), (to,), (call_id,), (cseq,) = (
            headers["From"],
            headers["To"],
            headers["Call-ID"],
            headers["CSeq"],
        )
        via = headers["Via"][0]
    except (KeyError, ValueError):
        return _missing(headers)
    method = message.cseq[1]
    if not method:
        return f"a CSeq that cannot be read: {cseq[:60]!r}"
    if isinstance(message, Request) and method != message.method:
        return f"CSeq says {method[:20]}, the request line {message.method[:20]}"
    if not call_id:
        return "an empty Call-ID"
    if not is_via(via):
        return f"a Via that cannot be read: {via[:60]!r}"
    for address in (sender, to):
        if not is_address(address):
            return f"a From or To that cannot be read: {address[:60]!r}"
    lengths = headers.get("Content-Length")
    if lengths is not None and (len(lengths) > 1 or not _is_number(lengths[0])):
        return f"a Content-Length that cannot be read: {', '.join(lengths)[:60]!r}"
    return ""


def _missing(headers: Headers) -> str:
    for name in _MANDATORY:
        if name not in headers:
            return f"no {name}"
        if len(headers[name]) > 1 and name != "Via":
            return f"more than one {name}"
    return ""


def _is_number(text: str) -> bool:
    return len(text) <= 10 and text.isascii() and text.isdigit()


def _content_length(message: Message) -> int | None:
    lengths = message.headers.get("Content-Length")
    return int(lengths[0]) if lengths else None


class StreamParser:
    """Messages out of a stream (RFC 3261 18.3), however its bytes are cut.

    `pongs`: how many keep-alive pings (RFC 5626 4.4.1) wait for a pong; whoever sends them sets it to 0.
    """

    __slots__ = ("_breaks", "_buffer", "_head", "_length", "_searched", "pongs")

    def __init__(self) -> None:
        self.pongs = 0
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
        return message

    def _take_head(self) -> bool:
        buffer = self._buffer
        self._skip_keep_alives(buffer)
        start = max(0, self._searched - 3)
        found = _END.search(buffer, start)
        if (found.end() if found else len(buffer)) > LARGEST:
            raise MessageError(f"headers of more than {LARGEST} bytes", 513)
        if found is None:
            self._searched = len(buffer)
            return False
        head = bytes(buffer[: found.start()])
        del buffer[: found.end()]
        self._searched = 0
        message, problem = _read_head(head)
        if problem is not None:
            raise problem
        length = _content_length(message)
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
