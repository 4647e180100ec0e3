"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], within: float = 10.0) -> T:
    """The first true value of `condition`; fails after `within` seconds."""
    end = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < end, f"did not happen within {within} s"
        time.sleep(0.01)
    return value


async def eventually(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """As `until`, for asyncio; `condition` may be a coroutine function."""
    end = time.monotonic() + within
    while True:
        found = condition()
        value = await found if isinstance(found, Awaitable) else found
        if value:
            return value
        assert time.monotonic() < end, f"did not happen within {within} s"
        await asyncio.sleep(0.01)
