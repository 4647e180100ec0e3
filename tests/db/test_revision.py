"""The revision is asked for four times a second: it costs little, and is never an old one."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import store as module
from db.errors import StoreUnavailableError
from db.store import Store, prepare
from db.variables.states import Actor

ACTOR = Actor("admin", "127.0.0.1", "cli")


@pytest.fixture
def url(tmp_path: Path) -> str:
    prepare(f"sqlite:///{tmp_path}/callisto.db")
    return f"sqlite:///{tmp_path}/callisto.db"


def test_a_change_of_anybody_is_seen_at_the_next_question(url: str) -> None:
    with Store.open(url) as store, Store.open(url) as other:
        for one, value in ((other, "20"), (store, "21"), (other, "22"), (other, "23")):
            before = store.revision()
            assert store.revision() == before
            one.variables.set("gMaxForwardNumberLen", value, ACTOR)
            assert store.revision() > before
            assert other.revision() == store.revision()


def test_while_nothing_is_committed_the_store_itself_is_not_asked(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(url) as store:
        known = store.revision()
        monkeypatch.setattr(module, "_revision", lambda connection: pytest.fail("asked"))
        assert store.revision() == known


def test_a_store_that_is_lost_is_found_out_though_nobody_commits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: object) -> int:
        raise StoreUnavailableError("the store is lost", hint="")

    monkeypatch.setattr(module, "ASKED_EVERY", 0.0)
    with Store.open(url) as store:
        store.revision()
        monkeypatch.setattr(module, "_revision", lost)
        with pytest.raises(StoreUnavailableError):
            store.revision()
