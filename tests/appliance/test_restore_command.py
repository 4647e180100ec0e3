"""`callisto restore` as people type it, while nothing runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from db.restore.job import Folder
from db.restore.work import files_of
from db.store import Store
from db.variables.states import Actor
from tests.appliance.test_cli import Callisto, callisto, office

__all__ = ["callisto", "office"]  # fixtures

SECRET = "a long sentence: größer"
CLI = Actor("anna", "", "cli")


@pytest.fixture
def backed_up(office: Callisto, tmp_path: Path) -> Callisto:
    """With a backup `then.zip` under SECRET, and a variable that was set after it."""
    (tmp_path / "password").write_text(SECRET, encoding="utf-8")
    assert office("backup", "then.zip", "--password-file", "password")[0] == 0
    with opened(tmp_path) as store:
        store.variables.set("gTimeServer", "ntp.example.org", CLI)
    return office


def opened(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path}/var/callisto.db")


def value(tmp_path: Path) -> str:
    with opened(tmp_path) as store:
        return next(each.value for each in store.variables.all() if each.variable.name == "gTimeServer")


GIVEN = ("--password-file", "password")


def test_a_dry_run_says_what_would_change_and_changes_nothing(backed_up: Callisto, tmp_path: Path) -> None:
    code, said, _ = backed_up("restore", "then.zip", "--dry-run", *GIVEN)
    assert code == 0
    assert "restores everything" in said
    assert "system variables: 1 goes (gTimeServer)" in said
    assert value(tmp_path) == "ntp.example.org"
    code, said, _ = backed_up("restore", "then.zip", "--dry-run", "--json", "--only", "settings", *GIVEN)
    assert json.loads(said)["kinds"] == ["settings"]
    assert not (tmp_path / "var/restore/unpacked").exists()


def test_it_comes_back_and_the_state_before_it_too(backed_up: Callisto, tmp_path: Path) -> None:
    code, said, complained = backed_up("restore", "then.zip", "--yes", *GIVEN)
    assert code == 0, complained
    assert "everything restored from then.zip" in said
    assert value(tmp_path) != "ntp.example.org"
    (saved,) = (tmp_path / "var/backups").glob("*.zip")
    assert f"the state before it is in {saved.name}" in said
    code, said, complained = backed_up("restore", saved.name, "--yes", "--only", "settings", *GIVEN)
    assert code == 0, complained
    assert "settings restored from" in said
    assert value(tmp_path) == "ntp.example.org"


def test_what_came_through_the_browser_is_a_backup_like_any_other(
    backed_up: Callisto, tmp_path: Path
) -> None:
    assert "nothing was uploaded" in backed_up("restore", "upload.zip", "--dry-run")[2]
    (tmp_path / "var/uploads").mkdir()
    (tmp_path / "then.zip").rename(tmp_path / "var/uploads/upload.zip")
    code, said, complained = backed_up("restore", "upload.zip", "--yes", *GIVEN)
    assert (code, "everything restored from upload.zip" in said) == (0, True), complained
    assert value(tmp_path) != "ntp.example.org"


def test_what_is_wrong_is_said_and_nothing_is_touched(backed_up: Callisto, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("another sentence")
    (tmp_path / "foreign.zip").write_bytes(b"PK nothing of ours")
    whole = (tmp_path / "then.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    before = (tmp_path / "var/callisto.db").read_bytes()
    for arguments, words in (
        (("then.zip", "--yes"), "the backup has a password"),
        (("then.zip", "--yes", "--password-file", "wrong"), "not the one of this backup"),
        (("foreign.zip", "--yes"), "no backup of this program"),
        (("cut.zip", "--yes", *GIVEN), "its end is missing"),
        (("nothing.zip", "--yes"), "there is no backup 'nothing.zip' here"),
        (("vault:then.zip", "--yes"), "there is no target 'vault'"),
        (("then.zip", "--only", "faxes", *GIVEN), "nothing called 'faxes'"),
        (("then.zip", *GIVEN), "nobody is there to be asked"),
    ):
        code, said, complained = backed_up("restore", *arguments)
        assert (code, words in complained) == (1, True), (arguments, said, complained)
        assert SECRET not in said + complained
    assert (tmp_path / "var/callisto.db").read_bytes() == before
    assert not (tmp_path / "var/restore/unpacked").exists()


def test_a_damaged_store_is_replaced(backed_up: Callisto, tmp_path: Path) -> None:
    path = tmp_path / "var/callisto.db"
    path.write_bytes(b"no store any more" * 1000)
    code, said, complained = backed_up("restore", "then.zip", "--yes", *GIVEN)
    assert code == 0, complained
    assert "careful: the present store cannot be read" in said
    assert value(tmp_path) != "ntp.example.org"
    job = Folder(tmp_path / "var/restore").job()
    assert job is not None
    assert files_of(job).kept.read_bytes().startswith(b"no store any more")
