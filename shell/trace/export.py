"""Records for other programs: one JSON object a line (JSON Lines), UTF-8. Pure.

{"at": "2026-11-22T21:35:12.123456+00:00", "unix": 1763847312.123456, "process": "router", "level": "info",
 "group": "sip", "text": one line, "call": the call's id or "", "numbers": [text, …], "sip": null or
 {"way": "in" or "out", "local": "host:port", "remote": "host:port", "transport": "udp", "tcp" or "tls",
  "call_id": the Call-ID, "raw": the message}}

Bytes of a message that are no UTF-8 are written as `\\xff`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from shell.trace.record import Record, Sip


def json_lines(records: Iterable[Record]) -> Iterator[str]:
    """Each with its newline."""
    for record in records:
        shown = {
            "at": datetime.fromtimestamp(record.at, UTC).isoformat(timespec="microseconds"),
            "unix": record.at,
            "process": record.process,
            "level": record.level,
            "group": record.group,
            "text": record.text,
            "call": record.call,
            "numbers": list(record.numbers),
            "sip": None if record.sip is None else _sip(record.sip),
        }
        line = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        yield _plain(line) + "\n"


def _sip(sip: Sip) -> dict[str, str]:
    return {
        "way": sip.way,
        "local": sip.local,
        "remote": sip.remote,
        "transport": sip.transport,
        "call_id": sip.call_id,
        "raw": "".join(
            f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char for char in sip.raw
        )
        if not sip.raw.isascii()
        else sip.raw,
    }


def _plain(line: str) -> str:
    """Lone surrogates are no UTF-8."""
    return line if line.isascii() else line.encode("utf-8", "replace").decode()
