"""Many threads and processes at once."""

from __future__ import annotations

import threading

from sqlalchemy import Connection

from db.office import Office
from db.sample import sample_office
from db.store import Store
from db.stores.office_read import read as read_office
from tests.contracts.store.given import ANNA, is_chain


def test_changes_of_many_threads_are_all_kept_in_a_row(store: Store, url: str) -> None:
    """No lost update: each change begins with the value the one before it left."""
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Store.open(url) as mine:
                for each in range(15):
                    mine.variables.set("gWebTimeout", str(100 * number + each), ANNA)
        except BaseException as exc:
            failed.append(exc)

    before = store.revision()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    history = store.variables.history(limit=100)
    assert len(history) == 60
    assert store.revision() == before + 60
    assert is_chain(history)


def test_one_store_serves_many_threads(store: Store) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for each in range(20):
                store.audit.note(ANNA, "test", str(each))
                store.revision()
                store.variables.all()
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.audit.latest(1000)) == 120


def test_what_is_read_together_is_of_one_moment(store: Store, url: str) -> None:
    """A routing table from two moments could name a member who is gone."""
    with Store.open(url) as other:

        def ask(connection: Connection) -> tuple[Office, Office]:
            before = read_office(connection)
            other.office.write(sample_office(), ANNA)
            return before, read_office(connection)

        assert store._database.read(ask) == (Office(), Office())
    assert store.office.read() != Office()
