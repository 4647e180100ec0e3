"""A media server in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.sip.media import Media, media


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Media]:
    """A media server; it must still be there in the end."""
    needs.pjsua2()
    with media(tmp_path / "copies") as running:
        yield running
        assert running.process.poll() is None
