"""A router's SIP side in a process of its own, ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sip.engine import Engine, engine


@pytest.fixture
def router() -> Iterator[Engine]:
    with engine() as running:
        yield running
