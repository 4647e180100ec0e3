"""Which backups are deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.targets.retention import Keep, to_delete
from db.backup.names import name_of

NIGHT = datetime(2026, 11, 22, 2, tzinfo=UTC)  # a Sunday


def nights(count: int, host: str = "office") -> list[str]:
    """Oldest first."""
    return [name_of(host, NIGHT - timedelta(days=back)) for back in reversed(range(count))]


def kept(names: list[str], keep: Keep, proven: str | None = None) -> list[str]:
    gone = to_delete(names, keep, proven or names[-1], UTC)
    return [name[16:24] for name in names if name not in gone]


def test_the_last_of_each_day_week_and_month_stays() -> None:
    assert kept(nights(100), Keep(3, 0, 0)) == ["20261120", "20261121", "20261122"]
    assert kept(nights(100), Keep(0, 3, 0)) == ["20261108", "20261115", "20261122"]
    assert kept(nights(100), Keep(0, 0, 3)) == ["20260930", "20261031", "20261122"]
    assert kept(nights(100), Keep(2, 2, 2)) == ["20261031", "20261115", "20261121", "20261122"]


def test_of_several_in_a_day_the_last_stays() -> None:
    names = [name_of("office", NIGHT + timedelta(hours=hour)) for hour in range(5)]
    assert to_delete(names, Keep(7, 0, 0), names[-1], UTC) == tuple(names[:-1])


def test_without_a_number_nothing_is_deleted() -> None:
    assert to_delete(nights(9), Keep(0, 0, 0), nights(9)[-1], UTC) == ()


def test_what_is_older_than_the_last_good_one_goes_and_what_is_newer_stays() -> None:
    names = nights(5)
    assert to_delete(names, Keep(1, 0, 0), names[1], UTC) == (names[0],)


def test_while_no_good_one_is_there_nothing_is_deleted() -> None:
    assert to_delete(nights(5)[:-1], Keep(1, 0, 0), nights(5)[-1], UTC) == ()
    assert to_delete(nights(5), Keep(1, 0, 0), "", UTC) == ()


def test_what_is_not_ours_is_left_alone() -> None:
    names = [*nights(3), *nights(3, "branch"), "photo.zip", "callisto-office-20261301-020000Z.zip"]
    assert to_delete(names, Keep(1, 0, 0), nights(3)[-1], UTC) == tuple(nights(3)[:-1])


@given(
    st.lists(st.integers(0, 900), min_size=1, max_size=60, unique=True),
    st.builds(Keep, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.data(),
)
def test_the_last_good_one_always_stays(days: list[int], keep: Keep, data: st.DataObject) -> None:
    names = [name_of("office", NIGHT - timedelta(days=day)) for day in days]
    proven = data.draw(st.sampled_from(names))
    gone = to_delete(names, keep, proven, UTC)
    assert proven not in gone
    assert not [name for name in gone if name >= proven]
    if not keep.everything:
        left = [name for name in names if name not in gone and name <= proven]
        assert len(left) <= keep.daily + keep.weekly + keep.monthly + 1
        assert to_delete(left, keep, proven, UTC) == ()
