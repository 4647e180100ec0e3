"""The garbage collector runs between calls."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from router.pjsua.quiet import AT_LEAST_EVERY, AT_MOST_EVERY, Housekeeping


class Cycle:
    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def garbage() -> weakref.ref[Cycle]:
    return weakref.ref(Cycle())


def test_the_collector_is_ours_from_the_first_turn() -> None:
    Housekeeping().turn(0.0, quiet=False)
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_garbage_goes_when_it_is_quiet_and_not_too_often() -> None:
    house = Housekeeping()
    house.turn(0.0, quiet=True)
    left = garbage()
    house.turn(AT_MOST_EVERY - 1, quiet=True)
    assert left() is not None
    house.turn(AT_MOST_EVERY, quiet=True)
    assert left() is None


def test_garbage_waits_while_calls_are_up_but_not_for_ever() -> None:
    house = Housekeeping()
    house.turn(0.0, quiet=False)
    left = garbage()
    house.turn(AT_LEAST_EVERY - 1, quiet=False)
    assert left() is not None
    house.turn(AT_LEAST_EVERY, quiet=False)
    assert left() is None
