"""A router's SIP side or a media server in a process of its own, and the far ends of calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.sip.engine import Engine, engine
from tests.sip.media import Media, media
from tests.sip.peer import Peer, peer


@pytest.fixture
def router() -> Iterator[Engine]:
    needs.pjsua2()
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Media]:
    """A media server; it must still be there in the end."""
    needs.pjsua2()
    with media(tmp_path / "copies") as running:
        yield running
        assert running.process.poll() is None
