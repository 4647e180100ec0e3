"""The steps of a repair, and what is left to do when one was killed at any of them. Pure."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import assert_never


class Step(StrEnum):
    """In their order."""

    STOP_WEB = "stop the web server"
    KEEP = "keep the damaged store"
    LOOK = "look for the damage"
    BUILD = "build the new store"
    CHECK = "check the new store"
    REINDEX = "make the indexes anew"
    """Of a server's store, in the place of KEEP, BUILD and EXCHANGE."""
    EXCHANGE = "put it in the place of the damaged one"
    START_WEB = "start the web server"
    DONE = "done"
    UNDONE = "undone"
    """It has failed, or was killed too early: the store is as it was."""


class Left(Enum):
    """What a killed repair leaves to do."""

    NOTHING = "nothing"
    UNDO = "undo"
    FINISH = "finish"


_PERCENT = {
    Step.STOP_WEB: 0,
    Step.KEEP: 5,
    Step.LOOK: 10,
    Step.BUILD: 25,
    Step.REINDEX: 30,
    Step.CHECK: 75,
    Step.EXCHANGE: 90,
    Step.START_WEB: 95,
    Step.DONE: 100,
    Step.UNDONE: 100,
}


def percent(step: Step) -> int:
    """How much is done when the step begins."""
    return _PERCENT[step]


def ended(step: Step) -> bool:
    return step in (Step.DONE, Step.UNDONE)


def left_by(step: Step) -> Left:
    """Before the new store is checked there is nothing to finish with; from then on the damaged one may be
    half out of its place."""
    match step:
        case Step.STOP_WEB | Step.KEEP | Step.LOOK | Step.BUILD | Step.REINDEX | Step.CHECK:
            return Left.UNDO
        case Step.EXCHANGE:
            return Left.FINISH
        case Step.START_WEB | Step.DONE | Step.UNDONE:
            return Left.NOTHING
        case _:
            assert_never(step)
