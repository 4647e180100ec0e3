"""A whole appliance that runs, as tests look at it and ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.control.client import ControlClient
from appliance.demo.local import LocalAppliance
from db.store import Store

Make = Callable[..., LocalAppliance]


def pids(one: LocalAppliance) -> dict[str, int]:
    return {service["name"]: service["pid"] for service in (one.status() or {}).get("services", [])}


def alive(pid: int) -> bool:
    """A zombie is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(started: list[int]) -> bool:
    return not any(alive(pid) for pid in started)


def request(one: LocalAppliance, name: str, **args: object) -> Any:
    async def ask() -> Any:
        async with ControlClient(one.control_socket) as control:
            return await control.request(name, within=30, **args)

    return asyncio.run(ask())


def store_of(one: LocalAppliance) -> Store:
    return Store.open(f"sqlite:///{one.state}/callisto.db")


def is_new(one: LocalAppliance, old: int, name: str = "router") -> bool:
    (service,) = (found for found in request(one, "status")["services"] if found["name"] == name)
    return bool(service["state"] == "ready" and service["pid"] != old)
