"""How far a leg has come."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    EARLY = auto()
    ANSWERED = auto()
    """A 2xx was sent or received, and the leg is not part of a bridge yet."""
    CONNECTED = auto()
    OVER = auto()
