"""Call records get from the spool into the store exactly once, whoever is killed when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ingest import BATCH, BATCHES, Ingest
from db.store import Store, prepare
from router.spool import Spool


class Killed(BaseException):
    """The process ends here."""


class FakeCalls:
    """The store's side, its commit the one step that counts. `die_at`: the n-th step from now kills."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.positions: dict[str, int] = {}
        self.die_at: int | None = None

    def position(self, source: str) -> int:
        self._step()
        return self.positions.get(source, 0)

    def ingest(self, source: str, offset: int, records: Iterable[Mapping[str, Any]], next_offset: int) -> int:
        self._step()
        if self.positions.get(source, 0) != offset:
            return 0
        new = [str(record["id"]) for record in records]
        self.kept += new
        self.positions[source] = next_offset
        self._step()
        return len(new)

    def _step(self) -> None:
        if self.die_at is not None:
            self.die_at -= 1
            if self.die_at < 0:
                self.die_at = None
                raise Killed


def spooled(folder: Path, *ids: str, largest: int = 1 << 20) -> None:
    """A router's life: its records in a file of its own (or several, when they are `largest`)."""
    spool = Spool(folder, largest=largest, sync_every=0.01)
    for number in ids:
        spool.append({"id": number})
    spool.close()


def ids(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def test_records_are_taken_in_once_in_their_order(tmp_path: Path) -> None:
    calls, ingest = FakeCalls(), Ingest(tmp_path)
    spooled(tmp_path, *ids(5))
    assert ingest.turn(calls) == 5
    assert ingest.turn(calls) == 0
    spooled(tmp_path, *ids(3, start=5))
    assert ingest.turn(calls) == 3
    assert calls.kept == ids(8)


def test_more_than_a_batch_is_taken_in(tmp_path: Path) -> None:
    calls = FakeCalls()
    spooled(tmp_path, *ids(BATCH * 3 + 7))
    assert Ingest(tmp_path).turn(calls) == BATCH * 3 + 7
    assert calls.kept == ids(BATCH * 3 + 7)


def test_one_turn_is_bounded_and_the_next_goes_on(tmp_path: Path) -> None:
    calls, ingest, count = FakeCalls(), Ingest(tmp_path), BATCH * BATCHES + 5
    spooled(tmp_path, *ids(count))
    assert ingest.turn(calls) == BATCH * BATCHES
    assert ingest.pending() == 5
    assert ingest.turn(calls) == 5
    assert calls.kept == ids(count)


def test_a_finished_file_is_deleted_and_the_newest_stays(tmp_path: Path) -> None:
    calls = FakeCalls()
    spooled(tmp_path, "a")
    spooled(tmp_path, "b")
    Ingest(tmp_path).turn(calls)
    (left,) = tmp_path.iterdir()
    assert calls.kept == ["a", "b"]
    assert b'"b"' in left.read_bytes()


def test_an_unfinished_line_waits_in_the_newest_file_and_is_given_up_in_an_older_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls, ingest = FakeCalls(), Ingest(tmp_path)
    spooled(tmp_path, "a")
    (file,) = tmp_path.iterdir()
    with file.open("ab") as torn:
        torn.write(b'{"crc":"0000')
    assert ingest.turn(calls) == 1
    assert file.exists()
    spooled(tmp_path, "b")
    assert ingest.turn(calls) == 1
    assert not file.exists()
    assert any("never finished" in message for message in caplog.messages)


def test_a_damaged_line_is_said_and_holds_up_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = FakeCalls()
    spooled(tmp_path, "a", "b", "c")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().replace(b'"b"', b'"x"'))
    assert Ingest(tmp_path).turn(calls) == 2
    assert calls.kept == ["a", "c"]
    assert any("1 damaged call records" in message for message in caplog.messages)


def test_what_waits_is_counted(tmp_path: Path) -> None:
    ingest = Ingest(tmp_path / "nothing yet")
    assert ingest.pending() == 0
    spooled(tmp_path, *ids(7))
    ingest = Ingest(tmp_path)
    assert ingest.pending() == 7
    ingest.turn(FakeCalls())
    assert ingest.pending() == 0


def test_a_large_backlog_is_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.ingest.COUNTED", 1000)
    spooled(tmp_path, *ids(500, start=1000))
    assert 450 <= Ingest(tmp_path).pending() <= 550


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 8))), min_size=1, max_size=12)
)
def test_kills_between_any_two_steps_lose_nothing_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory, lives: list[tuple[int, int | None]]
) -> None:
    """Each life: some records come, a supervisor takes them in and is killed at some step."""
    folder, calls, written = tmp_path_factory.mktemp("spool"), FakeCalls(), 0
    for count, die_at in lives:
        spooled(folder, *ids(count, start=written), largest=200)
        written += count
        calls.die_at = die_at
        try:
            Ingest(folder).turn(calls)
        except Killed:
            continue
    calls.die_at = None
    Ingest(folder).turn(calls)
    assert calls.kept == ids(written)
    assert len(list(folder.iterdir())) == 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/callisto.db"
    prepare(url)
    with Store.open(url) as store:
        yield store


def record(number: int) -> dict[str, object]:
    moment = "2026-11-22T10:00:00+00:00"
    return {"id": f"call-{number}", "started": moment, "ended": moment, "caller": "1", "status": 200}


def test_the_real_store_takes_them_in_once(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = Spool(folder)
    for number in range(450):
        spool.append(record(number))
    assert Ingest(folder).turn(store.calls) == 450
    assert Ingest(folder).turn(store.calls) == 0
    spool.append(record(450))
    assert Ingest(folder).turn(store.calls) == 1
    spool.close()
    assert store.calls.count() == 451


def test_an_error_of_the_store_leaves_the_spool_as_it_is(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spooled(folder, "a", "b")

    class Away:
        position: Callable[[str], int] = store.calls.position

        def ingest(self, *args: object) -> int:
            raise OSError("the store is away")

    ingest = Ingest(folder)
    with pytest.raises(OSError, match="away"):
        ingest.turn(Away())  # type: ignore[arg-type]
    assert ingest.pending() == 2
