"""A SIP message in memory (RFC 3261 section 7). Mutable, for router/sip alone.

Header values are text: UTF-8 with undecodable bytes kept (surrogateescape), so that every byte survives.
`headers` maps the canonical name to its values in order, unfolded, stripped, lists not parted.
"""

from __future__ import annotations

from router.sip.grammar import parameter, split_list

Headers = dict[str, list[str]]


class _Message:
    __slots__ = ("_branch", "_cseq", "_from_tag", "_to_tag", "body", "headers")

    headers: Headers
    body: bytes
    _branch: tuple[str | None, str]
    _cseq: tuple[str | None, tuple[int, str]]
    _from_tag: tuple[str | None, str]
    _to_tag: tuple[str | None, str]

    def get(self, name: str) -> str:
        """The first value of a header (canonical name), or ""."""
        lines = self.headers.get(name)
        return lines[0] if lines else ""

    def values(self, name: str) -> list[str]:
        """The entries of all lines of a header that is a list."""
        lines = self.headers.get(name)
        if not lines:
            return []
        if len(lines) == 1:
            return split_list(lines[0])
        return [entry for line in lines for entry in split_list(line)]

    @property
    def branch(self) -> str:
        """Of the topmost Via; "" when it has none."""
        line, read = self._branch
        lines = self.headers.get("Via")
        top = lines[0] if lines else ""
        if line is not top:
            read = _branch_of(top)
            self._branch = (top, read)
        return read

    @property
    def cseq(self) -> tuple[int, str]:
        """(0, "") when it cannot be read, which no parsed message has."""
        line, read = self._cseq
        lines = self.headers.get("CSeq")
        now = lines[0] if lines else ""
        if line is not now:
            read = read_cseq(now)
            self._cseq = (now, read)
        return read

    @property
    def call_id(self) -> str:
        lines = self.headers.get("Call-ID")
        return lines[0] if lines else ""

    @property
    def from_tag(self) -> str:
        line, read = self._from_tag
        lines = self.headers.get("From")
        now = lines[0] if lines else ""
        if line is not now:
            read = _tag_of(now)
            self._from_tag = (now, read)
        return read

    @property
    def to_tag(self) -> str:
        line, read = self._to_tag
        lines = self.headers.get("To")
        now = lines[0] if lines else ""
        if line is not now:
            read = _tag_of(now)
            self._to_tag = (now, read)
        return read


class Request(_Message):
    """`uri` is the Request-URI as it stands on the wire."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self._branch = self._from_tag = self._to_tag = _UNREAD
        self._cseq = _UNREAD_CSEQ
        self.method = method
        self.uri = uri

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri} of {self.call_id}>"


class Response(_Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self._branch = self._from_tag = self._to_tag = _UNREAD
        self._cseq = _UNREAD_CSEQ
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason} of {self.call_id}>"


Message = Request | Response


class MessageError(ValueError):
    """What came is not a SIP message we can take.

    `status`: what a request is answered with. `message`: what could be read, for that answer; a request in it
    may lack any header, a response is to be dropped. `earlier`: messages read whole from the stream before.
    """

    def __init__(self, problem: str, status: int = 400, message: Message | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = status
        self.message = message
        self.earlier: list[Message] = []


_UNREAD: tuple[str | None, str] = (None, "")
_UNREAD_CSEQ: tuple[str | None, tuple[int, str]] = (None, (0, ""))
_LARGEST_CSEQ = 2**32 - 1


def read_cseq(value: str) -> tuple[int, str]:
    """Number and method; (0, "") when they cannot be read."""
    digits, _, method = value.partition(" ")
    if not (digits.isascii() and digits.isdigit()) or not method:
        digits, _, method = value.replace("\t", " ").strip(" ").partition(" ")
        if not (digits.isascii() and digits.isdigit()) or not method:
            return 0, ""
    if len(digits) > 20 or (number := int(digits)) > _LARGEST_CSEQ:
        return 0, ""
    return number, method.strip(" \t")


def _tag_of(value: str) -> str:
    _, closed, tail = value.rpartition(">")
    if closed and tail.startswith(";tag=") and '"' not in tail and " " not in tail:
        return tail[5:].partition(";")[0]
    return parameter(value, "tag") or ""


def _branch_of(value: str) -> str:
    if "," in value or '"' in value or " ;" in value or "; " in value:
        entries = split_list(value)
        return (parameter(entries[0], "branch") or "") if entries else ""
    _, found, tail = value.partition(";branch=")
    if not found:
        return parameter(value, "branch") or ""
    return tail.partition(";")[0].rstrip(" \t")
