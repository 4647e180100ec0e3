"""What a supervisor that was killed has left is put in order by the next one, before it opens the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import Config
from appliance.roles.supervisor import _after_a_kill
from db.store import Store, prepare


@pytest.mark.parametrize("store", [True, False], ids=["a store", "none yet"])
def test_half_a_store_of_a_compacting_that_was_killed_is_removed(tmp_path: Path, *, store: bool) -> None:
    config = Config.load({"CALLISTO_STATE": str(tmp_path)}, tmp_path)
    if store:
        prepare(config.store_url)
    for ending in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"callisto.db.compacting{ending}").write_bytes(b"half a store")
    _after_a_kill(config)
    assert not list(tmp_path.glob("*.compacting*"))
    if store:
        with Store.open(config.store_url) as opened:
            assert opened.revision() > 0


def test_a_server_has_nothing_of_the_kind(tmp_path: Path) -> None:
    url = "postgresql://nobody@/nothing?host=/nowhere"
    _after_a_kill(Config.load({"CALLISTO_STATE": str(tmp_path), "CALLISTO_STORE_URL": url}, tmp_path))
