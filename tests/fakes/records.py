"""Call records and publications, kept to be looked at."""

from __future__ import annotations

import json
from typing import Any


class KeptRecords:
    """Fulfils `router.ports.CallRecords`."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def append(self, record: dict[str, object]) -> None:
        self.kept.append(json.loads(json.dumps(record)))


class Published:
    """Fulfils `router.ports.Notifier`."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, Any]]] = []

    def is_watched(self, topic: str) -> bool:
        return True

    def publish(self, topic: str, data: dict[str, object]) -> None:
        self.all.append((topic, json.loads(json.dumps(data))))

    def of(self, topic: str, event: str | None = None) -> list[dict[str, Any]]:
        return [data for at, data in self.all if at == topic and event in {None, data["event"]}]
