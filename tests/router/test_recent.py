from __future__ import annotations

from router.recent import Recent


def test_the_first_that_was_kept_is_the_first_forgotten() -> None:
    recent: Recent[str, int] = Recent(2)
    assert [recent.keep(key, number) for number, key in enumerate("abac")] == [0, 1, 2, 3]
    assert recent == {"b": 1, "c": 3}
