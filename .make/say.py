"""What the set-up tells the person in front of it, and how it ends when it cannot go on."""

from __future__ import annotations

import sys
from typing import NoReturn

CANNOT_GO_ON = 2


def say(text: str) -> None:
    print(f"callisto: {text}", flush=True)


def stop(text: str, status: int = CANNOT_GO_ON) -> NoReturn:
    """One message on standard error, and the end."""
    print(f"callisto: {text}", file=sys.stderr, flush=True)
    raise SystemExit(status)
