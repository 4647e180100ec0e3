"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], within_s: float = 10, *, every_s: float = 0.05) -> T:
    """The first true value of `condition`; an AssertionError when it does not become true in time."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {getattr(condition, '__name__', condition)}")
        time.sleep(every_s)
