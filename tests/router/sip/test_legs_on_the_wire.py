"""Stories of `legs`, which is in memory, again with a process of its own and real sockets."""

# ruff: noqa: F401

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.router.sip.legs.test_early_media import (
    test_the_answer_of_the_phone_that_was_heard_comes_in_the_same_dialog,
    test_the_next_phone_is_heard_in_a_dialog_of_its_own,
)
from tests.router.sip.legs.test_forking import (
    test_a_late_offer_that_is_never_answered_ends_both_sides,
    test_of_two_branches_that_answer_the_first_wins,
)
from tests.router.sip.legs.test_info import test_why_one_side_hangs_up_is_told_to_the_other
from tests.router.sip.legs.test_moving import (
    test_a_callers_changed_description_is_told_to_the_new_phone,
    test_hanging_up_during_the_move_ends_both_sides,
)
from tests.router.sip.legs.test_prack import (
    test_a_repeated_or_overtaking_response_is_not_acknowledged,
    test_the_answer_waits_for_the_acknowledgement_of_an_early_description,
)
from tests.router.sip.legs.test_replaces import test_a_leg_is_taken_over_and_the_call_goes_on
from tests.router.sip.legs.test_transfer_in import (
    test_a_blind_transfer_from_request_to_end,
    test_one_who_transfers_and_hangs_up_leaves_the_caller_waiting,
)
from tests.router.sip.legs.test_transfer_out import (
    test_a_hand_over_from_request_to_end,
    test_a_phone_whose_dialog_the_pbx_has_replaced_is_a_success,
)
from tests.router.sip.legs.test_update import (
    test_a_late_offer_within_a_call_goes_end_to_end,
    test_an_offer_that_is_given_up_and_taken_all_the_same_is_taken_back,
)
from tests.sip.bridge import Bridge, bridged
from tests.sip.engine import Engine, engine
from tests.sip.peer import Peer, peer


class Wire:
    """An `Engine` with what a `House` can."""

    def __init__(self, engine: Engine, peers: contextlib.ExitStack) -> None:
        self._engine = engine
        self._peers = peers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def peer(self) -> Peer:
        return self._peers.enter_context(peer())

    def turn(self) -> None:
        self._engine.ask()

    def nothing_is_left(self) -> None:
        self._engine.until_legs(0)


@pytest.fixture
def router() -> Iterator[Wire]:
    with engine() as running, contextlib.ExitStack() as peers:
        yield Wire(running, peers)


@pytest.fixture
def bridge(router: Wire, caller: Peer, phone: Peer) -> Bridge:
    return bridged(router, caller, phone)
