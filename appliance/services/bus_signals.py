"""The signals of systemd on the system bus: that something has changed, not what.

`busctl` can call, but only root may listen with it; so the few bytes that this takes are written here
(D-Bus Specification 0.42, "Message Protocol" and "Authentication Protocol"). What has changed is asked of
`systemctl`, which knows every type.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)

ADDRESS = "DBUS_SYSTEM_BUS_ADDRESS"
STANDARD = "unix:path=/run/dbus/system_bus_socket"
AGAIN_AFTER = 1.0
LONGEST = 1 << 20
"""Bytes of a message; a longer one is not of systemd."""

BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
SYSTEMD = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")

_CALL, _ERROR, _SIGNAL = 1, 3, 4
_PATH, _INTERFACE, _MEMBER, _DESTINATION, _SIGNATURE = 1, 2, 3, 6, 8


class BusLostError(Exception):
    """The bus is not there, or does not speak with us."""


class BusSignals:
    """Listens for changes of units. `changed` is called once a connection stands, too: what happened
    before was missed."""

    def __init__(self, env: Mapping[str, str], units: Sequence[str], changed: Callable[[], None]) -> None:
        self._address = env.get(ADDRESS) or STANDARD
        self._units = units
        self._changed = changed

    async def run(self) -> None:
        """Until cancelled; a connection that is lost is made anew."""
        said = False
        while True:
            try:
                await self._listen()
            except (OSError, EOFError, BusLostError, struct.error) as exc:
                log.log(logging.DEBUG if said else logging.WARNING, "systemd's signals are missing: %s", exc)
                said = True
            await asyncio.sleep(AGAIN_AFTER)

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_unix_connection(_path(self._address))
        try:
            uid = str(os.getuid()).encode().hex()
            writer.write(b"\0AUTH EXTERNAL " + uid.encode() + b"\r\n")
            answer = await reader.readline()
            if not answer.startswith(b"OK "):
                raise BusLostError(f"the bus refuses us: {answer[:80]!r}")
            calls = [call(*BUS, "Hello"), call(*SYSTEMD, "Subscribe")]
            calls += [call(*BUS, "AddMatch", rule(unit)) for unit in self._units]
            writer.write(b"BEGIN\r\n" + b"".join(one(serial) for serial, one in enumerate(calls, 1)))
            self._changed()
            while True:
                await self._hear(reader)
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readexactly(16)
        order = {b"l": "<", b"B": ">"}.get(head[:1])
        if order is None:
            raise BusLostError(f"the bus speaks another language: {head[:16]!r}")
        body, _serial, fields = struct.unpack_from(order + "III", head, 4)
        rest = -(-fields // 8) * 8 + body
        if rest > LONGEST:
            raise BusLostError(f"a message of {rest} bytes")
        content = await reader.readexactly(rest)
        if head[1] == _SIGNAL:
            self._changed()
        elif head[1] == _ERROR:
            raise BusLostError(f"the bus answers {content[-body:][4:-1].decode(errors='replace')!r}")


def rule(unit: str) -> str:
    """What is to be heard of a unit."""
    return (
        "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',"
        f"member='PropertiesChanged',path='/org/freedesktop/systemd1/unit/{escaped(unit)}'"
    )


def escaped(unit: str) -> str:
    """A unit's name within an object path, as sd_bus_path_encode(3) says."""
    return "".join(
        char if char.isascii() and char.isalnum() and (at or not char.isdigit()) else f"_{ord(char):02x}"
        for at, char in enumerate(unit)
    )


def call(
    destination: str, path: str, interface: str, member: str, text: str | None = None
) -> Callable[[int], bytes]:
    """A method call, with one string or nothing, once it has its serial number (from 1)."""
    body = _string(text) if text is not None else b""
    fields = b""
    for code, kind, value in (
        (_PATH, b"o", path),
        (_INTERFACE, b"s", interface),
        (_MEMBER, b"s", member),
        (_DESTINATION, b"s", destination),
    ):
        fields = _aligned(fields, 8) + bytes((code, 1)) + kind + b"\0" + _string(value)
    if body:
        fields = _aligned(fields, 8) + bytes((_SIGNATURE, 1)) + b"g\0\1s\0"

    def with_serial(serial: int) -> bytes:
        head = struct.pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), serial, len(fields))
        return _aligned(head + fields, 8) + body

    return with_serial


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded + b"\0"


def _aligned(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def _path(address: str) -> str:
    """The first socket of a list of addresses (D-Bus Specification, "Server Addresses")."""
    for one in address.split(";"):
        kind, _, rest = one.partition(":")
        found = dict(pair.partition("=")[::2] for pair in rest.split(","))
        if kind == "unix" and "path" in found:
            return found["path"]
        if kind == "unix" and "abstract" in found:
            return "\0" + found["abstract"]
    raise BusLostError(f"{address!r} is no address of a socket; expected {STANDARD}")
