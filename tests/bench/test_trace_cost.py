"""What is concluded of the cost of a trace."""

from __future__ import annotations

from tests.bench.trace_cost import Cost, marks, measure, words


def test_a_few_calls_are_measured() -> None:
    cost = measure(rounds=2, calls=2)
    assert all(one > 0 for one in (*cost.bare, *cost.off, *cost.on))
    assert "nobody looks" in words(cost)


def test_the_mark_is_about_rounds_side_by_side() -> None:
    (mark,) = marks(Cost(bare=[100.0, 200.0, 400.0], off=[101.0, 202.0, 404.0], on=[150.0, 300.0, 600.0]))
    assert mark.met
    (mark,) = marks(Cost(bare=[100.0, 200.0, 400.0], off=[103.0, 206.0, 412.0], on=[150.0, 300.0, 600.0]))
    assert mark.met is False
