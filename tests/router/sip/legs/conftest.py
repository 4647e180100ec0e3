"""The SIP side in memory, and the far ends of a call."""

from __future__ import annotations

import pytest

from tests.router.sip.legs.house import House
from tests.sip.peer import Peer


@pytest.fixture
def router() -> House:
    return House()


@pytest.fixture
def caller(router: House) -> Peer:
    return router.peer()


@pytest.fixture
def phone(router: House) -> Peer:
    return router.peer()


@pytest.fixture
def other_phone(router: House) -> Peer:
    return router.peer()
