"""A whole bundle of a supervisor's own things: what is in it, and that no planted secret is."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.store_keeper import StoreKeeper
from appliance.support.bundles import Bundles
from appliance.support.contents import Contents
from appliance.support.desk import Desk
from appliance.support.parts import Writer
from appliance.support.writing import README
from appliance.trace.past import Past
from db.variables.states import Actor
from shell.support_ports import Bundle
from tests import json_schema
from tests.fakes.self_test import FakeSelfTest
from tests.shell.test_info import FULL, SCHEMA

SECRETS = ("peer-hush-1", "admin-hush-2", "stored hush/3", "environment-hush-4", "target-hush-5")
ADMIN = Actor("admin", "192.0.2.7:4000", "telnet")


@pytest.fixture
async def contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Contents]:
    """With secrets planted wherever text comes from."""
    state = tmp_path / "state"
    (state / "traces").mkdir(parents=True)
    env = {
        "CALLISTO_STATE": str(state),
        "CALLISTO_PEERS": "pbx1=10.0.0.1:5060;user=callisto",
        "CALLISTO_PEER_PBX1_PASSWORD": SECRETS[0],
        "CALLISTO_ADMIN_PASSWORD": SECRETS[1],
    }
    monkeypatch.setenv("SOME_TOKEN", SECRETS[3])
    config = Config.load(env, tmp_path)
    everywhere = " ".join(SECRETS[:4])
    lines = json.dumps([1, f"log {everywhere}"]) + "\n"
    (state / "traces/20261122-120000-admin.jsonl").write_text(lines * 3)
    past, now = Past(), time.strftime("%Y-%m-%d %H:%M:%S")
    past.add("web", f"{now}.000 ERROR web: it fell over with {everywhere}")
    past.add("web", f"password: {SECRETS[2]}")
    monkeypatch.setenv("STORE_SECRET", SECRETS[2])
    status = {**FULL, "store": {"url_shown": f"x://u:{SECRETS[0]}@h/db", "error": everywhere}}
    keeper = StoreKeeper(config.store_url, config.store_url_shown, config.edition)
    with closing(keeper):
        await keeper.open()
        await keeper.do(lambda store: store.audit.note(ADMIN, "command", f"set x {everywhere}"))
        await keeper.do(lambda store: store.variables.set("gTimeServer", "peer-hush-1.example", ADMIN))
        await keeper.do(lambda store: store.targets.add("nas", "sftp", ADMIN))
        for word in ("secret", "password"):
            await keeper.do(lambda store, word=word: store.targets.set("nas", word, SECRETS[4], ADMIN))
        yield Contents(config, keeper, past, lambda: status, FakeSelfTest().run)


async def bundle_of(contents: Contents, tmp_path: Path) -> tuple[Bundle, dict[str, str]]:
    desk = Desk(Bundles(tmp_path / "support"), contents.gather, contents.secrets().clean)
    last = [progress async for progress in desk.make()][-1]
    assert last.bundle is not None
    with zipfile.ZipFile(tmp_path / "support" / last.bundle.name) as archive:
        assert archive.testzip() is None
        return last.bundle, {name: archive.read(name).decode() for name in archive.namelist()}


async def test_what_the_readme_promises_is_there(contents: Contents, tmp_path: Path) -> None:
    _, files = await bundle_of(contents, tmp_path)
    promised = {line.split()[0] for line in README.splitlines() if "  " in line and "." in line.split()[0]}
    assert promised - {"missing.txt"} <= files.keys()
    assert "missing.txt" not in files
    assert "traces/20261122-120000-admin.jsonl" in files
    assert list(json_schema.problems(json.loads(files["info.json"]), SCHEMA)) == []
    assert json.loads(files["selftest.json"])["checks"][0]["name"] == "memory"
    assert "it fell over" in files["log.txt"]
    assert "command: set x" in files["audit.txt"]
    assert json.loads(files["configuration.json"])["peers"][0]["has_a_secret"] is True
    assert json.loads(files["variables.json"])["changes"][0]["name"] == "gTimeServer"
    assert json.loads(files["store.json"])["schema"]


async def test_no_planted_secret_is_in_it(contents: Contents, tmp_path: Path) -> None:
    _, files = await bundle_of(contents, tmp_path)
    for name, content in files.items():
        for secret in SECRETS:
            assert secret not in content, f"{secret} is in {name}"
    assert "***" in files["audit.txt"]
    assert "***" in files["log.txt"]
    assert "***" in files["traces/20261122-120000-admin.jsonl"]


async def test_a_store_that_is_away_is_said_and_the_rest_is_there(contents: Contents, tmp_path: Path) -> None:
    config = contents.config
    gone = StoreKeeper(f"sqlite:///{tmp_path}/nowhere/x.db", "x", config.edition, make=False)
    one = Contents(config, gone, contents.past, contents.status, contents.self_test)
    _, files = await bundle_of(one, tmp_path)
    assert "log.txt" in files
    assert "audit.txt" not in files
    assert "store.json: Store" in files["missing.txt"]


async def test_of_the_captures_the_newest_that_fit_are_taken(contents: Contents, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    for age, (name, size) in enumerate({"new": 30, "large": 400, "old": 10}.items()):
        (folder / f"{name}.jsonl").write_bytes(b"x" * size)
        os.utime(folder / f"{name}.jsonl", (time.time() - age, time.time() - age))
    parts = Writer(contents.secrets()).captures(folder, most=100)
    assert [part.name for part in parts] == ["traces/new.jsonl", "traces/old.jsonl"]


async def test_a_capture_that_runs_is_taken_as_far_as_it_was(contents: Contents, tmp_path: Path) -> None:
    file = tmp_path / "captures/one.jsonl"
    file.parent.mkdir()
    file.write_text("one\n")
    (part,) = Writer(contents.secrets()).captures(file.parent)
    with file.open("a") as more:
        more.write("two\n")
    assert "".join(part.content()) == "one\n"
