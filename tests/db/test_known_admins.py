"""Those who may log in to repair a store that cannot be read."""

from __future__ import annotations

from pathlib import Path

from db.known_admins import keep, verify
from db.store import Store, prepare
from db.variables.states import Actor

CLI = Actor("root", "", "cli")


def test_an_administrator_is_known_with_his_password_and_nobody_else(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/callisto.db", tmp_path / "admins.json"
    prepare(url)
    with Store.open(url, ram_mb=2048) as store:
        store.accounts.ensure_admin("first secret")
        assert keep(path, store.accounts.with_hashes())
        assert not keep(path, store.accounts.with_hashes())
        store.accounts.set_password("admin", "second secret", CLI)
        assert keep(path, store.accounts.with_hashes())
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in path.read_text()
    account = verify(path, " Admin ", "second secret")
    assert account is not None
    assert account.roles == {"administrator"}
    assert verify(path, "admin", "first secret") is None
    assert verify(path, "anna", "") is None


def test_without_a_file_or_with_a_spoilt_one_nobody_is_known(tmp_path: Path) -> None:
    path = tmp_path / "admins.json"
    assert verify(path, "admin", "x") is None
    for text in ("", "[]", '{"people": 3}', '{"people": [{"user": "admin", "roles": 3}]}'):
        path.write_text(text)
        assert verify(path, "admin", "x") is None
