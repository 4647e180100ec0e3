"""Targets of backups in the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.errors import PasswordRefusedError, RefusedError, StoreError
from db.store import Store, prepare
from db.targets import TargetKind, TargetSettings, TargetState, changed, lacking, made
from db.variables.states import Actor

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
PIN = "SHA256:" + "a" * 43


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'callisto.db'}"
    prepare(url)
    with Store.open(url, clock=lambda: NOW) as store:
        yield store


def test_a_target_is_added_set_and_removed(store: Store) -> None:
    assert store.targets.add("nas", "sftp", ANNA).settings == TargetSettings("nas", TargetKind.SFTP)
    for word, text in (("host", "nas.example"), ("user", "backup"), ("folder", "/backups"), ("daily", "3")):
        store.targets.set("NAS", word, text, ANNA)
    found = store.targets.set("nas", "schedule", "127,02:30", ANNA)
    assert found.settings.words == "sftp://backup@nas.example:22/backups"
    assert (found.settings.schedule, found.settings.keep_daily, found.since) == ("127,02:30", 3, NOW)
    assert store.targets.all() == (found,)
    store.targets.remove("nas", ANNA)
    assert store.targets.all() == ()


def test_what_came_of_it_is_kept(store: Store) -> None:
    store.targets.add("nas", "directory", ANNA)
    store.targets.ended("nas", "done: 12 MB", "callisto-office-20261123-010000Z.zip")
    store.targets.ended("nas", "failed: it is full")
    found = store.targets.get("nas")
    assert (found.result, found.proven_at) == ("failed: it is full", NOW)
    assert found.proven == "callisto-office-20261123-010000Z.zip"


def test_a_server_is_known_from_the_first_time_on_until_it_is_another(store: Store) -> None:
    store.targets.add("nas", "sftp", ANNA)
    store.targets.knows("nas", PIN)
    store.targets.knows("nas", PIN + "b")
    assert store.targets.get("nas").settings.known_by == PIN
    store.targets.set("nas", "host", "other.example", ANNA)
    assert store.targets.get("nas").settings.known_by == ""


def test_no_secret_is_in_the_audit_trail_or_shown(store: Store) -> None:
    store.targets.add("nas", "sftp", ANNA)
    store.targets.set("nas", "secret", "hunter2 hunter2", ANNA)
    found = store.targets.set("nas", "password", "a long sentence", ANNA)
    told = [note.detail for note in store.audit.latest()]
    assert told == ["nas: password changed", "nas: secret changed", "nas: added, sftp"]
    assert (found.settings.secret, found.settings.password) == ("hunter2 hunter2", "a long sentence")
    for shown in (*told, repr(found), found.settings.words):
        assert "hunter2" not in shown
        assert "sentence" not in shown


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("host", "two words"), ("port", "70000"), ("port", "-1"), ("daily", "many"), ("pin", "abc"),
        ("schedule", "9,25:00"), ("enabled", "perhaps"), ("user", "a\nb"), ("folder", "relative"),
        ("nothing", "1"), ("daily", "²"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_is_right(word: str, text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        changed(made("nas", "directory"), word, text)
    assert refused.value.hint


def test_names_and_kinds_that_cannot_be_are_refused(store: Store) -> None:
    store.targets.add("nas", "ftp", ANNA)
    for name, kind in (("NAS", "ftp"), ("to", "ftp"), ("a b", "ftp"), ("", "ftp"), ("disk", "tape")):
        with pytest.raises(RefusedError) as refused:
            store.targets.add(name, kind, ANNA)
        assert refused.value.hint
    with pytest.raises(StoreError, match="there is no target 'tape'"):
        store.targets.get("tape")


def test_a_short_password_of_archives_is_refused() -> None:
    with pytest.raises(PasswordRefusedError):
        changed(made("nas", "ftp"), "password", "short")


def test_what_is_lacking_is_named() -> None:
    assert lacking(made("nas", "sftp")) == "host, user, secret"
    assert lacking(made("nas", "directory")) == "folder"
    assert lacking(changed(made("nas", "directory"), "folder", "/mnt")) == ""


def test_days_without_a_success_are_counted_from_the_last_one_or_from_the_beginning() -> None:
    settings = TargetSettings("nas", TargetKind.DIRECTORY, alarm_days=3)
    begun = TargetState(settings, NOW)
    assert [begun.is_late(NOW + timedelta(days=day)) for day in (0, 2, 3)] == [False, False, True]
    proven = TargetState(settings, NOW, "one.zip", NOW + timedelta(days=2))
    assert [proven.is_late(NOW + timedelta(days=day)) for day in (3, 4, 5)] == [False, False, True]
    assert not TargetState(changed(settings, "alarm", "0"), NOW).is_late(NOW + timedelta(days=99))
    assert not TargetState(changed(settings, "enabled", "off"), NOW).is_late(NOW + timedelta(days=99))
