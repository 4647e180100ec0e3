"""Who may be rung, in which order, and how many at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import hunting
from router.call import Call, Phone, Role
from router.model import Group, Strategy
from router.opening import opening
from router.vip import Vip
from tests.router.office import AWAY, group, person
from tests.router.strategies import calls

ALL = Strategy.ALL_AT_ONCE


def names(phones: tuple[Phone, ...]) -> list[str]:
    return [phone.person.name for phone in phones]


def test_available_assistants_keep_their_order_and_their_numbers() -> None:
    board = group(assistants=["D", person("A", AWAY), "B", "C"])
    phones = hunting.available(Call(board, "1"))
    assert [(phone.person.name, phone.place, phone.of) for phone in phones] == [
        ("D", 1, 4),
        ("B", 3, 4),
        ("C", 4, 4),
    ]


@pytest.mark.parametrize(
    ("strategy", "lines", "waves"),
    [
        (Strategy.SEQUENTIAL, 9, [["B"], ["C"], ["D"]]),
        (ALL, 9, [["B", "C", "D"]]),
        (ALL, 2, [["B", "C"], ["D"]]),
        (ALL, 0, [["B"], ["C"], ["D"]]),
    ],
)
def test_phones_ring_in_waves(strategy: Strategy, lines: int, waves: list[list[str]]) -> None:
    phones = hunting.available(Call(group(assistants=["B", "C", "D"]), "1"))
    assert [names(wave) for wave in hunting.waves(phones, strategy, lines)] == waves


@pytest.mark.parametrize(
    ("board", "is_vip", "most"),
    [
        (group(assistants=["B", "C"]), False, 1),
        (group(assistants=["B", "C"], ring_parallel=True), False, 2),
        (group(AWAY, assistants=["B", "C"], ring_parallel=True), False, 1),
        (group(assistants=["B", "C"], ring_parallel=True), True, 1),
        (group(assistants=["B", "C", "D"], strategy=ALL), False, 3),
        (group(AWAY, assistants=["B", person("C", AWAY)], strategy=ALL), False, 1),
        (group(assistants=["B", "C"], strategy=ALL), True, 1),
        (group(AWAY), False, 1),
    ],
)
def test_no_more_phones_are_planned_for_than_may_ring(board: Group, *, is_vip: bool, most: int) -> None:
    call = Call(board, "1", vip=Vip(rank=5, threshold=3) if is_vip else None)
    assert hunting.most_at_once(call, opening(call)) == most


@given(calls(), st.integers(1, 9))
def test_waves_hold_every_available_assistant_once(call: Call, lines: int) -> None:
    phones = hunting.available(call)
    waves = hunting.waves(phones, call.group.strategy, lines)
    assert tuple(phone for wave in waves for phone in wave) == phones
    assert all(phone.role is Role.ASSISTANT for phone in phones)
    assert all(1 <= len(wave) <= max(1, lines) for wave in waves)
