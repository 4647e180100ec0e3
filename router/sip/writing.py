"""Messages to bytes, and the response to a request (RFC 3261 7, 8.2.6). Pure."""

from __future__ import annotations

import re

from router.sip.model import Headers, Message, Request, Response
from router.sip.reasons import REASONS

_BREAKS = re.compile(r"[\r\n]+")
_LONE_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def encode(message: Message) -> bytes:
    """The message for the wire, with its Content-Length. No value can break out of its line: a CR or LF in it
    becomes a space."""
    if isinstance(message, Request):
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        lines = [f"SIP/2.0 {message.status} {message.reason}"]
    for name, values in message.headers.items():
        if name != "Content-Length":
            for value in values:
                lines.append(f"{name}: {value}")
    body = message.body
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    text = "\r\n".join(lines)
    breaks = len(lines) + 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        text = "\r\n".join([_BREAKS.sub(" ", line) for line in lines[:-1]] + lines[-1:])
    try:
        return text.encode("utf-8", "surrogateescape") + body
    except UnicodeEncodeError:
        return _LONE_SURROGATES.sub("?", text).encode("utf-8", "surrogateescape") + body


def response(request: Request, status: int, reason: str = "", *, to_tag: str = "") -> Response:
    """The response with what RFC 3261 8.2.6.2 copies, and Record-Route (12.1.1) up to 2xx.

    `reason` empty: the usual one. `to_tag` is added unless To has a tag. What the request lacks is left out.
    """
    came = request.headers
    headers: Headers = {}
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if name in came:
            headers[name] = came[name][:] if name == "Via" else came[name][:1]
    if to_tag and "To" in headers and not request.to_tag:
        headers["To"] = [f"{headers['To'][0]};tag={to_tag}"]
    if status < 300 and "Record-Route" in came:
        headers["Record-Route"] = came["Record-Route"][:]
    if status == 100 and "Timestamp" in came:
        headers["Timestamp"] = came["Timestamp"][:1]
    return Response(status, reason or REASONS.get(status, "Unknown"), headers)
