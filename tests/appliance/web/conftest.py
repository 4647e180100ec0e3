from __future__ import annotations

import pytest

from tests.appliance.web.office import Browser, Office


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def browser(office: Office) -> Browser:
    return office.browser()
