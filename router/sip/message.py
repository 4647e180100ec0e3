"""SIP messages: read, hold, write. What the rest of router/sip takes from here is listed in `__all__`."""

from __future__ import annotations

from router.sip.framing import StreamParser
from router.sip.model import Headers, Message, MessageError, Request, Response
from router.sip.reading import parse
from router.sip.writing import encode, response

__all__ = [
    "Headers",
    "Message",
    "MessageError",
    "Request",
    "Response",
    "StreamParser",
    "encode",
    "parse",
    "response",
]
