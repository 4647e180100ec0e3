"""Reading a small form: bounded in size, time and number of fields, refused when it is anything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl

LONGEST_BODY = 4096
WITHIN_S = 10.0
MOST_FIELDS = 8
KIND = "application/x-www-form-urlencoded"


class FormError(Exception):
    """`status`: the HTTP status for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


async def read_form(
    headers: Mapping[str, str], stream: AsyncIterator[bytes], *, within_s: float = WITHIN_S
) -> dict[str, str]:
    """The fields of a posted form. `headers` by lower-case name. Raises FormError."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND:
        raise FormError(415, f"A form is sent as {KIND}.")
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared[:12]) > LONGEST_BODY:
        raise _too_long()
    try:
        async with asyncio.timeout(within_s):
            body = await _body(stream)
    except TimeoutError:
        raise FormError(408, "The form did not arrive in time.") from None
    return decode(body)


def decode(body: bytes) -> dict[str, str]:
    """Fields by name; UTF-8 only, none twice. Raises FormError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:  # also UnicodeDecodeError
        raise FormError(400, "The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or any("\0" in text for pair in pairs for text in pair):
        raise FormError(400, "The form cannot be read.")
    return fields


async def _body(stream: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for chunk in stream:
        body += chunk
        if len(body) > LONGEST_BODY:
            raise _too_long()
    return body


def _too_long() -> FormError:
    return FormError(413, f"The form is longer than {LONGEST_BODY} bytes.")
