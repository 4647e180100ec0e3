from __future__ import annotations

from typing import Any

import pytest

from shell.health import problems
from shell.peers import peers
from tests.fakes.shell_ports import STATUS

UP = {"name": "pbx1", "address": "192.0.2.10:5060", "state": "up", "registered": None, "problem": ""}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ()),
        ({"registered": True}, ()),
        ({"state": "not checked"}, ()),
        ({"state": "unknown"}, ()),
        ({"state": "down"}, ("peer pbx1 is down",)),
        ({"state": "down", "problem": "no answer"}, ("peer pbx1 is down: no answer",)),
        ({"registered": False}, ("peer pbx1 is not registered",)),
        ({"registered": False, "problem": "403 Forbidden"}, ("peer pbx1 is not registered: 403 Forbidden",)),
        ({"state": "unknown", "problem": "host pbx has no known address"},
         ("peer pbx1 is unknown: host pbx has no known address",)),
    ],
)  # fmt: skip
def test_a_peer_that_is_down_or_not_registered_needs_attention(
    changed: dict[str, Any], said: tuple[str, ...]
) -> None:
    assert problems(STATUS | {"peers": [UP | changed]}) == said


def test_what_is_missing_reads_as_unknown() -> None:
    for odd in (None, 3, [3], [{"since": "?", "registered": "maybe"}]):
        for peer in peers({"peers": odd}):
            assert (peer.name, peer.address, peer.state, peer.since) == ("unknown",) * 3 + (None,)


def test_a_store_that_cannot_be_read_says_by_what_calls_are_routed() -> None:
    (said,) = problems(STATUS | {"store": {"error": "the store is locked"}})
    assert said == "store: the store is locked; calls are routed by the table of Sun 2026-11-22 08:30"
    (said,) = problems({"store": {"error": "the store is locked"}})
    assert said == "store: the store is locked"
