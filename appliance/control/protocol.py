"""Lines on the control socket, without the socket: one JSON object a line, UTF-8, at most 1 MiB.

request  {"id": 1, "request": "status", "args": {…}}; without "id" there is no reply
reply    {"id": 1, "ok": true, "result": …} or {"id": 1, "ok": false, "error": "…", "hint": "…"}
event    {"event": "call", "data": {…}} to whoever asked {"request": "watch", "args": {"topics": ["call"]}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

MAX_LINE = 1 << 20
"""Bytes, the newline included."""

DROPPED = "dropped"
"""The event that tells every watcher how many events he missed: {"count": n}."""


WATCHED = "watched"
"""The event that tells publishers which topics anybody watches: {"topics": […]}. At once to whoever asks for
it, and whenever it changes."""


class RefusedError(Exception):
    """A request is not fulfilled; the connection goes on. `hint` says what to do, empty if nothing helps."""

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Request:
    """`id` is None where no reply is wanted."""

    name: str
    args: Mapping[str, object]
    id: int | str | None = None

    def text(self, key: str) -> str:
        """A text argument that must be there."""
        value = self.args.get(key)
        if not isinstance(value, str) or not value:
            raise RefusedError(
                f'{self.name}: the argument "{key}" must be text', "it was missing or of another kind"
            )
        return value

    def table(self, key: str) -> dict[str, object]:
        """An argument that is an object; empty when it is missing."""
        value = self.args.get(key, {})
        if not isinstance(value, dict):
            raise RefusedError(f'{self.name}: the argument "{key}" must be an object')
        return value


def encode(message: Mapping[str, object]) -> bytes:
    """One line. Raises RefusedError if the message is too long, ValueError or TypeError if it is not JSON."""
    line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise RefusedError(f"a message of {len(line)} bytes is longer than a line may be ({MAX_LINE})")
    return line


def decode(line: bytes) -> dict[str, object]:
    """The object on a line; RefusedError says what is wrong with it."""
    try:
        message = json.loads(line.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RefusedError(f"not a line of JSON: {exc}", 'send {"id": 1, "request": "status"}') from exc
    if not isinstance(message, dict):
        raise RefusedError("not a JSON object", 'send {"id": 1, "request": "status"}')
    return message


def request_of(message: Mapping[str, object]) -> Request:
    """The request in an object; RefusedError if it is none."""
    name, args, number = message.get("request"), message.get("args", {}), id_of(message)
    if not isinstance(name, str):
        raise RefusedError('"request" must be text', 'send {"id": 1, "request": "status"}')
    if not isinstance(args, dict):
        raise RefusedError('"args" must be an object')
    return Request(name, args, number)


def id_of(message: Mapping[str, object]) -> int | str | None:
    """The id a reply must carry: a short text or a number; anything else counts as none."""
    number = message.get("id")
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    return number if isinstance(number, str) and len(number) <= 100 else None


def reply(number: int | str | None, result: object) -> bytes:
    return encode({"id": number, "ok": True, "result": result})


def refusal(number: int | str | None, problem: RefusedError) -> bytes:
    return encode({"id": number, "ok": False, "error": problem.error[:2000], "hint": problem.hint[:2000]})


def event(topic: str, data: Mapping[str, object]) -> bytes:
    return encode({"event": topic, "data": data})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
