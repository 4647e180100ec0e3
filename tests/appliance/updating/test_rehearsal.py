"""Whether a version would start on a store is tried on a copy: the store itself is not written to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysqlite3
import pytest

from appliance.config import Config
from appliance.roles.rehearse_update import main
from tests.db.filled import HEAD, filled


def rehearsed(state: Path) -> tuple[int, dict[str, Any]]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("CALLISTO_")}
    done = subprocess.run(
        (sys.executable, "-P", "-m", "appliance", "rehearse-update"),
        env={**env, "CALLISTO_CONFIG": "", "CALLISTO_STATE": str(state)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_good_store_is_copied_and_found_good(tmp_path: Path) -> None:
    store = tmp_path / "callisto.db"
    filled(store)
    before = hashlib.sha256(store.read_bytes()).hexdigest()
    code, found = rehearsed(tmp_path)
    assert (code, found["ok"], found["schema_from"], found["schema_to"]) == (0, True, HEAD, HEAD)
    assert found["rows"] > 10
    assert hashlib.sha256(store.read_bytes()).hexdigest() == before
    assert not (tmp_path / "updates" / "rehearsal").exists()


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, dict[str, Any]]]:
    """In this process."""
    config = Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(tmp_path)}, tmp_path)

    def rehearse() -> tuple[int, dict[str, Any]]:
        code = main(config)
        return code, json.loads(capsys.readouterr().out)

    return rehearse


def test_a_store_of_a_newer_version_is_no_store_for_this_one(
    tmp_path: Path, here: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    filled(tmp_path / "callisto.db")
    raw = pysqlite3.connect(str(tmp_path / "callisto.db"), isolation_level=None)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    code, found = here()
    assert (code, found["ok"]) == (1, False)
    assert "newer version" in found["reason"]
    assert not (tmp_path / "updates" / "rehearsal").exists()


def test_a_damaged_store_is_told(tmp_path: Path, here: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    (tmp_path / "callisto.db").write_bytes(b"SQLite format 3\0" + b"nothing" * 1000)
    code, found = here()
    assert (code, found["ok"]) == (1, False)
    assert found["reason"]


def test_without_a_store_there_is_nothing_to_try(here: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    code, found = here()
    assert (code, found["ok"]) == (0, True)
