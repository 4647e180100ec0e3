"""A way to the supervisor that keeps what goes over it."""

from __future__ import annotations

from typing import Any

from shell.trace.record import TOPIC, Record, from_wire


class Wire:
    """Fulfils `appliance.trace.loop_source.Reporter`."""

    def __init__(self) -> None:
        self.looked_at = False
        self.watched = True
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        self.published.append((topic, data))

    def is_watched(self, topic: str) -> bool:
        return self.watched

    def is_looked_at(self, topic: str) -> bool:
        return self.looked_at and topic == TOPIC

    @property
    def batches(self) -> list[dict[str, Any]]:
        return [data for topic, data in self.published if topic == TOPIC]

    @property
    def records(self) -> list[Record]:
        return [from_wire(wire) for data in self.batches for wire in data["records"]]
