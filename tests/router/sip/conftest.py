"""A router's SIP side in a process of its own, ready; and the transaction layer alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.router.sip.transactions_world import World
from tests.router.sip.wire import FakeFlow
from tests.sip.engine import Engine, engine


@pytest.fixture
def router() -> Iterator[Engine]:
    with engine() as running:
        yield running


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def udp() -> FakeFlow:
    return FakeFlow()


@pytest.fixture
def tcp() -> FakeFlow:
    return FakeFlow("TCP")
