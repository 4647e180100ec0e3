"""Who changes a store in these tests, and what they put in."""

from __future__ import annotations

from datetime import timedelta, timezone
from itertools import pairwise
from typing import Any

from db.store import Store
from db.variables.states import Actor, Change

ANNA = Actor("anna", "192.0.2.7:50123", "telnet")
BERTA = Actor("berta", "192.0.2.8:50124", "web")
SYSTEM = Actor("", "", "system")
FIVE = timedelta(minutes=5)
SHIFTED = timezone(timedelta(hours=5, minutes=30))


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A call record as the router's spool has it."""
    whole = {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "started": f"2026-11-22T14:{number % 60:02d}:00.250000+01:00",
        "ended": f"2026-11-22T14:{number % 60:02d}:31+01:00",
        "answered": f"2026-11-22T14:{number % 60:02d}:09+01:00",
        "caller": "441234567",
        "caller_raw": "0441234567",
        "caller_name": "Hofer",
        "dialled": "100",
        "group": "Management",
        "vip": False,
        "result": "answered",
        "status": 200,
        "agent": "berta",
        "talk_s": 22.0,
        "ring_s": 8.75,
        "steps": [{"at_s": 0.0, "text": "manager away: assistant 1 of 2, Berta, rings"}],
    }
    return {**whole, **changes}


def is_chain(history: tuple[Change, ...]) -> bool:
    """Newest first."""
    return all(later.old == earlier.new for later, earlier in pairwise(history))


def sql(store: Store, statement: str) -> None:
    """Behind the store's back."""
    with store._database._writer.begin() as connection:
        connection.exec_driver_sql(statement)
