"""Where things are in this checkout."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OTHER_ENVIRONMENT = CHECKOUT / ".venv-3.12"
ENVIRONMENT = CHECKOUT / ".venv"


def lock(name: str) -> Path:
    return CHECKOUT / "requirements" / f"{name}.txt"
