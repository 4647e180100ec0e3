"""Facts in words an admin understands."""

from __future__ import annotations

from typing import get_args

import pytest

from router import explain
from router.call import Call, Phone, Role, Skip, Why
from router.explain import sentence
from router.facts import (
    CallerHungUp,
    CallerRefused,
    Came,
    Fact,
    GoesOn,
    NextRound,
    NobodyToHunt,
    Outcome,
    Rings,
    Skipped,
    Stopped,
    TalkEnded,
    TimeIsOver,
)
from router.model import Person, VipEntry
from router.vip import Vip
from router.words import caller, duration, phrase
from tests.router.office import AWAY, Script, group, person

BERTA = Phone(Role.ASSISTANT, Person("b", "Berta", "21"), 1, 3)
ANNA = Phone(Role.MANAGER, Person("a", "Anna", "20"))
NUMBER = Phone(Role.OVERFLOW, Person("", "900", "900"))
BOARD = group()


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (Came(Call(BOARD, "0791", "Dr. Frei", "200")), "Dr. Frei (0791) calls 200 (Board)"),
        (Came(Call(BOARD, "", "", "200")), "an unknown caller calls 200 (Board)"),
        (
            Came(Call(BOARD, "0791", dialled="200", vip=Vip(VipEntry("079T")))),
            "0791 calls 200 (Board); VIP: on the manager's list (079T)",
        ),
        (Rings(BERTA, Why.AWAY), "manager away: assistant 1 of 3, Berta, rings"),
        (Rings(ANNA, Why.AVAILABLE), "manager available: Anna rings"),
        (Rings(NUMBER, Why.OVERFLOW), "overflow: overflow number 900 rings"),
        (GoesOn(BERTA, Why.LINE_BUSY), "manager's line busy: assistant 1 of 3, Berta, rings on"),
        (NobodyToHunt(Why.AWAY), "manager away: no assistant is available"),
        (
            Skipped(BERTA, Skip.DND),
            "assistant 1 of 3, Berta, does not want to be disturbed: not rung",
        ),
        (NextRound(2, 3), "end of the list, no overflow set: round 2 of 3"),
        (TimeIsOver(180), "nobody answered within 180 s"),
        (CallerRefused(486, "overflow is busy"), "overflow is busy: the caller gets 486 Busy Here"),
        (CallerHungUp(2.34), "the caller hung up after 2.3 s"),
        (TalkEnded(3725, "Anna"), "connected for 1 h 2 min 5 s, then Anna hung up"),
        (TalkEnded(43200), "connected for 12 h without an end: ended as forgotten"),
    ],
)
def test_fact_is_said_in_words(fact: object, words: str) -> None:
    assert sentence(fact) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "status", "reason", "words"),
    [
        (Outcome.NO_ANSWER, 0, "", "rang 20 s, no answer"),
        (Outcome.SILENT, 0, "", "gave no sign of ringing for 20 s"),
        (Outcome.ANSWERED, 0, "", "answered after 20 s"),
        (Outcome.ELSEWHERE, 0, "", "rang 20 s, another answered"),
        (Outcome.CALLER_GONE, 0, "", "rang 20 s, the caller hung up"),
        (Outcome.LOST, 0, "", "was lost after 20 s"),
        (Outcome.NOT_TRIED, 0, "no phone is set", "cannot be rung: no phone is set"),
        (Outcome.REFUSED, 486, "", "is busy (486 Busy Here)"),
        (Outcome.REFUSED, 486, "Besetzt", "is busy (486 Besetzt)"),
        (Outcome.REFUSED, 603, "", "declined after 20 s (603 Decline)"),
        (Outcome.REFUSED, 408, "", "gave no answer on the network for 20 s (408 Request Timeout)"),
        (Outcome.REFUSED, 404, "", "is not known where the call was sent (404 Not Found)"),
        (
            Outcome.REFUSED,
            407,
            "",
            "was not rung: the other side asks for a password (407 Proxy Authentication Required)",
        ),
        (Outcome.REFUSED, 500, "\r\nevil\x1b[0m", "could not be rung (500 evil [0m)"),
        (Outcome.REFUSED, 699, "", "could not be rung (699)"),
    ],
)
def test_end_of_ringing_is_said_in_words(outcome: Outcome, status: int, reason: str, words: str) -> None:
    fact = Stopped(BERTA, Why.AWAY, 20, outcome, status, reason)
    assert sentence(fact) == f"manager away: assistant 1 of 3, Berta, {words}"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (4.25, "4.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (180, "180 s"),
        (181, "3 min 1 s"),
        (3600, "1 h"),
    ],
)
def test_durations_are_as_exact_as_it_matters(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_statuses_have_their_names() -> None:
    assert [phrase(status) for status in (404, 480, 503)] == [
        "404 Not Found",
        "480 Temporarily Unavailable",
        "503 Service Unavailable",
    ]


def test_caller_without_a_number_has_a_name() -> None:
    assert caller(Call(BOARD, "", "Frei")) == "Frei"


def test_whole_call_is_told_step_by_step() -> None:
    call = Script(group(AWAY, [person("Anna", AWAY), "Berta", "Carl"], assistant_timeout=20))
    call.offered()
    call.rings("Berta")
    call.waits(20)
    call.waits(2)
    call.refuses("Carl", 603)
    assert call.told() == [
        "0441234567 calls 200 (Board)",
        "assistant 1 of 3, Anna, is away: not rung",
        "manager away: assistant 2 of 3, Berta, rings",
        "manager away: assistant 2 of 3, Berta, rang 20 s, no answer",
        "manager away: assistant 3 of 3, Carl, rings",
        "manager away: assistant 3 of 3, Carl, declined after 2 s (603 Decline)",
        "overflow is busy: the caller gets 486 Busy Here",
    ]


def test_managers_own_call_and_nobody_available_are_told() -> None:
    call = Script(group(assistants=[person("B", AWAY)]), member="M")
    assert call.offered() == ["486"]
    assert call.told()[1:3] == [
        "assistant 1 of 1, B, is away: not rung",
        "the manager calls himself: no assistant is available",
    ]


def test_every_fact_has_words() -> None:
    assert set(explain._WORDS) == set(get_args(Fact))
