"""A compacted store as data: between processes, and for programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from db.compacted import Compacted, Old
from shell.reading import number, tables, text


def encode(done: Compacted) -> dict[str, object]:
    return {
        "before_bytes": done.before,
        "after_bytes": done.after,
        "deleted": encode_old(done.cleaned),
        "writers_waited_s": round(done.waited_s, 4),
        "took_s": round(done.took_s, 3),
        "remark": done.remark,
    }


def decode(found: Mapping[str, Any]) -> Compacted:
    return Compacted(
        int(number(found, "before_bytes") or 0),
        int(number(found, "after_bytes") or 0),
        decode_old(found, "deleted"),
        number(found, "writers_waited_s") or 0.0,
        number(found, "took_s") or 0.0,
        text(found, "remark"),
    )


def encode_old(old: Sequence[Old]) -> list[dict[str, object]]:
    return [{"what": each.what, "days": each.days, "rows": each.rows} for each in old]


def decode_old(found: Mapping[str, Any], key: str) -> tuple[Old, ...]:
    return tuple(
        Old(text(each, "what"), int(number(each, "days") or 0), int(number(each, "rows") or 0))
        for each in tables(found, key)
    )


def summary(done: Compacted) -> str:
    """One line: `from 38.2 MB to 19.8 MB, 12,000 rows deleted, writers waited 0.12 s at most`."""
    rows = sum(each.rows for each in done.cleaned)
    sizes = f"from {done.before / 1e6:,.1f} MB to {done.after / 1e6:,.1f} MB"
    return f"{sizes}, {rows:,} rows deleted, writers waited {done.waited_s:.2f} s at most"
