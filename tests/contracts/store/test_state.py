"""What is found in place of a store, and what preparing does."""

from __future__ import annotations

import pytest

from db.errors import (
    StoreNewerError,
    StoreUnavailableError,
)
from db.schema import MIGRATIONS, head
from db.store import Store, prepare
from tests.contracts.store.given import ANNA, sql


def test_preparing_again_changes_nothing(store: Store, url: str) -> None:
    store.variables.set("gWebTimeout", "30", ANNA)
    before = (store.revision(), store.office.read())
    prepare(url)
    assert (store.revision(), store.office.read()) == before


def test_a_store_of_a_newer_version_is_refused_by_name(store: Store, url: str) -> None:
    sql(store, "UPDATE alembic_version SET version_num = '0042'")
    sql(store, "UPDATE revision SET written_by = 'callisto-appliance 7.1'")
    sentence = (
        "this store was written by a newer version (callisto-appliance 7.1, schema 0042); "
        f"this version knows schemas up to {head(MIGRATIONS)}"
    )
    for attempt in (lambda: Store.open(url), lambda: prepare(url)):
        with pytest.raises(StoreNewerError) as refused:
            attempt()
        assert str(refused.value) == sentence
        assert "install that version" in refused.value.hint


def test_tables_of_another_program_are_left_alone(store: Store, url: str) -> None:
    sql(store, "DROP TABLE alembic_version")
    for attempt in (lambda: Store.open(url), lambda: prepare(url)):
        with pytest.raises(StoreUnavailableError, match="not a store of this program") as refused:
            attempt()
        assert refused.value.hint
    sql(store, "SELECT number FROM revision")
