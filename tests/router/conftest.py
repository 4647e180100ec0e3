"""The far ends of calls, played by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sip.peer import Peer, peer


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
