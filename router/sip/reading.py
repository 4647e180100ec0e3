"""Bytes to messages, lenient as RFC 4475 asks of a robust element. Pure."""

from __future__ import annotations

import re

from router.sip.grammar import is_address, is_token, is_via
from router.sip.model import Headers, Message, MessageError, Request, Response
from router.sip.names import canonical, spellings

MOST_HEADERS = 200
LONGEST_LINE = 8192
"""Characters of a header's line, after unfolding."""

END = re.compile(rb"\r?\n\r?\n")
"""The empty line after the headers."""
_WHITE = frozenset(" \t")
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
    lines = _lines(data[:end]) if end >= 0 else None
    if lines is None:
        found = END.search(data)
        if found is None:
            message, _ = _read_head(_odd_lines(data), len(data))
            raise MessageError("no empty line ends the headers", message=message)
        end, start = found.span()
        lines = _odd_lines(data[:end])
    message, problem = _read_head(lines, end)
    if problem is not None:
        try:
            raise problem
        finally:
            # Its traceback has this frame: without this, the message would stay until the collector runs.
            problem = None
    length = content_length(message)
    if length is None:
        message.body = data[start:]
    elif len(data) - start < length:
        raise MessageError("the body is shorter than Content-Length says", message=message)
    else:
        message.body = data[start : start + length]
    return message


def read_head(head: bytes) -> Message:
    """The message without its body; `head` is all before the empty line. Raises MessageError."""
    lines = _lines(head)
    message, problem = _read_head(_odd_lines(head) if lines is None else lines, len(head))
    if problem is not None:
        try:
            raise problem
        finally:
            # Its traceback has this frame: without this, the message would stay until the collector runs.
            problem = None
    return message


def _lines(head: bytes) -> list[str] | None:
    """None when not every line ends as it should."""
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    breaks = len(lines) - 1
    return lines if head.count(b"\n") == breaks == head.count(b"\r") else None


def _odd_lines(head: bytes) -> list[str]:
    """Line feeds alone end lines too; carriage returns alone do not."""
    text = head.decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", " ").split("\n")


def _unfolded(lines: list[str]) -> list[str]:
    whole = [[lines[0]]]
    for line in lines[1:]:
        if line[:1] in _WHITE:
            whole[-1].append(line.lstrip(" \t"))
        else:
            whole.append([line])
    return [" ".join(parts) for parts in whole]


def _read_head(lines: list[str], size: int) -> tuple[Message, MessageError | None]:
    """What can be read, and the first thing wrong with it. Raises MessageError if there is no start line.

    `size`: about how many characters there are in all.
    """
    headers: Headers = {}
    message, problem, status = _start_line(lines[0], headers)
    if len(lines) > MOST_HEADERS + 1:
        lines = _unfolded(lines)
        if len(lines) > MOST_HEADERS + 1:
            del lines[MOST_HEADERS + 1 :]
            problem = problem or f"more than {MOST_HEADERS} headers"
    for line in lines[1:]:
        spelling, _, value = line.partition(":")
        name = spellings.get(spelling)
        if name is None:
            if line[:1] in _WHITE:
                return _read_head(_unfolded(lines), size)
            name = _name(spelling, line)
            if not name:
                if line:
                    problem = problem or f"a header's line that cannot be read: {line[:60]!r}"
                continue
        value = value.strip(" \t")
        if name in headers:
            headers[name].append(value)
        else:
            headers[name] = [value]
    if size > LONGEST_LINE and any(len(line) > LONGEST_LINE for line in lines):
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


def content_length(message: Message) -> int | None:
    """Of a message that has been read without a problem."""
    lengths = message.headers.get("Content-Length")
    return int(lengths[0]) if lengths else None
