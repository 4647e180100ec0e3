"""`callisto backup` as people type it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from db.backup.errors import PasswordNeededError
from db.backup.folder import kept, pieces
from db.backup.listed import files_in
from db.backup.proof import prove
from db.backup.reading import unpack
from db.store import Store
from tests.appliance.test_cli import ROOT, Callisto, callisto, office

__all__ = ["callisto", "office"]  # fixtures

SECRET = "a long sentence: größer"


def test_it_is_kept_here_and_only_the_newest_stay(
    office: Callisto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLISTO_KEEP_BACKUPS", "1")
    folder = tmp_path / "var" / "backups"
    folder.mkdir(mode=0o700)
    (folder / "callisto-a-20200101-000000Z.zip").touch()
    code, said, _ = office("backup", "--plain")
    assert code == 0
    (file,) = kept(folder)
    assert said.startswith(f"{file} is good: ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert prove(pieces(file), "", tmp_path).manifest.rows["users"] > 3
    with Store.open(f"sqlite:///{tmp_path}/var/callisto.db") as store:
        (note,) = store.audit.latest(1)
    assert (note.action, note.actor.channel) == ("backup", "cli")
    assert str(file) in note.detail
    journal = [each.read_bytes() for each in (tmp_path / "var" / "journal").iterdir() if each.is_file()]
    assert any(file.name.encode() in each for each in journal)


def test_the_password_comes_from_a_file_and_is_told_nowhere(office: Callisto, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\nof no matter\n", encoding="utf-8")
    code, said, complained = office("backup", "mine.zip", "--password-file", "password")
    assert code == 0
    assert SECRET not in said + complained
    assert prove(pieces(tmp_path / "mine.zip"), SECRET, tmp_path).rows
    with pytest.raises(PasswordNeededError):
        prove(pieces(tmp_path / "mine.zip"), "", tmp_path)


def test_nothing_is_replaced_and_wrong_places_are_named(office: Callisto, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_text("of somebody")
    (tmp_path / "empty").touch()
    for arguments, words in (
        (("mine.zip", "--plain"), "is there already"),
        (("nowhere/mine.zip", "--plain"), "there is no folder"),
        (("a.zip",), "nobody is there to be asked"),
        (("a.zip", "--password-file", "missing"), "missing: No such file"),
        (("a.zip", "--password-file", "empty"), "has no password"),
    ):
        code, _, complained = office("backup", *arguments)
        assert code == 1
        assert words in complained
    assert (tmp_path / "mine.zip").read_text() == "of somebody"
    assert not (tmp_path / "a.zip").exists()


def test_a_folder_gets_it_under_a_name_of_its_own(office: Callisto, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert office("backup", "out", "--plain")[0] == 0
    assert len(kept(tmp_path / "out")) == 1
    assert kept(tmp_path / "var" / "backups") == ()


def test_without_a_store_it_is_said(callisto: Callisto) -> None:
    code, _, complained = callisto("backup", "--plain")
    assert code == 1
    assert "there is no store" in complained


def test_standard_output_gets_it_whole_and_nothing_stays(office: Callisto, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "appliance", "backup", "-", "--plain"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert prove(iter([done.stdout]), "", tmp_path).rows
    assert b"is good" in done.stderr
    assert kept(tmp_path / "var" / "backups") == ()


def test_the_configuration_and_its_certificates_are_in_it(office: Callisto, tmp_path: Path) -> None:
    (tmp_path / "callisto.toml").write_text('telnet_banner_file = "banner.txt"\n')
    (tmp_path / "banner.txt").write_text("Keep out.\n")
    (tmp_path / "var" / "announcements").mkdir()
    (tmp_path / "var" / "announcements" / "welcome.wav").write_bytes(b"RIFF")
    assert office("backup", "mine.zip", "--plain")[0] == 0
    (tmp_path / "into").mkdir()
    unpack(pieces(tmp_path / "mine.zip"), tmp_path / "into", "", 1 << 30)
    assert {(each.root, each.path) for each in files_in(tmp_path / "into")} == {
        ("config", "callisto.toml"), ("config", "telnet_banner.txt"), ("state", "announcements/welcome.wav"),
    }  # fmt: skip
