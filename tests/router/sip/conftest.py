"""A router's SIP side in a process of its own, and the two far ends of a call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sip.engine import Engine, engine
from tests.sip.peer import Peer, peer


@pytest.fixture
def router() -> Iterator[Engine]:
    with engine() as running:
        yield running


@pytest.fixture
def caller() -> Iterator[Peer]:
    with peer() as one:
        yield one


@pytest.fixture
def phone() -> Iterator[Peer]:
    with peer() as one:
        yield one


@pytest.fixture
def other_phone() -> Iterator[Peer]:
    with peer() as one:
        yield one
