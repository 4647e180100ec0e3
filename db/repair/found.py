"""What was found to be wrong with a store, as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["sound", "indexes", "damaged", "missing"]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a salvage would come to for a table. `pages`: stretches of it that no index names."""

    table: str
    kept: int
    doubtful: int
    lost: int
    pages: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`findings`: what SQLite and we have found, in words; `tables`: of a damaged file only; `notes`: what
    could not be looked at; `server`: the store is kept by PostgreSQL."""

    verdict: Verdict
    findings: tuple[str, ...] = ()
    log_frames: int = 0
    bad_frames: tuple[int, ...] = ()
    tables: tuple[Rows, ...] = field(default=())
    bytes: int = 0
    took_s: float = 0.0
    notes: tuple[str, ...] = ()
    server: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def of_json(found: Mapping[str, Any]) -> Diagnosis:
    """Raises ValueError for what is none."""
    try:
        tables = tuple(Rows(**each) for each in found["tables"])
        lists = {"findings": tuple(found["findings"]), "bad_frames": tuple(found["bad_frames"])}
        lists["notes"] = tuple(found.get("notes", ()))
        return Diagnosis(**{**found, **lists, "tables": tables})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no diagnosis: {exc}") from exc
