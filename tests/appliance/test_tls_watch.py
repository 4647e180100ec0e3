"""The files of the router's certificate, replaced while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.tls_watch import LOOK_EVERY, TlsWatch
from router.sip.net import NetworkError
from router.sip.tls import TlsFiles


class Door:
    """Takes files, unless their certificate says otherwise."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def use(self, files: TlsFiles) -> None:
        try:
            text = files.certificate.read_text()
            files.key.read_text()
        except OSError as exc:
            raise NetworkError(f"{exc.filename}: {exc.strerror}", "name existing files") from exc
        if "half" in text:
            raise NetworkError("the key is not that of the certificate", "put both in their place")
        self.taken.append(text)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    found = TlsFiles(tmp_path / "router.pem", tmp_path / "router.key", None)
    found.certificate.write_text("first")
    found.key.write_text("key")
    return found


def replaced(path: Path, text: str) -> None:
    """As whoever renews certificates does it: another file by the same name."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_files_that_stay_are_not_read_again(files: TlsFiles) -> None:
    door = Door()
    watch = TlsWatch(files, door.use)
    for turn in range(3):
        watch.turn(turn * LOOK_EVERY)
    assert door.taken == []


def test_a_replaced_certificate_is_used_within_seconds_and_once(files: TlsFiles) -> None:
    door = Door()
    watch = TlsWatch(files, door.use)
    watch.turn(0.0)
    replaced(files.certificate, "second")
    watch.turn(LOOK_EVERY - 0.1)
    assert door.taken == []
    watch.turn(LOOK_EVERY)
    watch.turn(3 * LOOK_EVERY)
    assert door.taken == ["second"]


def test_a_new_key_alone_is_noticed(files: TlsFiles) -> None:
    door = Door()
    watch = TlsWatch(files, door.use)
    replaced(files.key, "another key")
    watch.turn(0.0)
    assert door.taken == ["first"]


def test_a_certificate_that_is_refused_is_tried_until_its_key_is_there_and_said_once(
    files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door()
    watch = TlsWatch(files, door.use)
    replaced(files.certificate, "half")
    for turn in range(3):
        watch.turn(turn * LOOK_EVERY)
    said = [each for each in caplog.records if "not used" in each.message]
    assert len(said) == 1
    assert "the key is not that of the certificate" in said[0].message
    replaced(files.certificate, "whole")
    watch.turn(3 * LOOK_EVERY)
    assert door.taken == ["whole"]


def test_a_file_that_is_gone_for_a_moment_ends_nothing(files: TlsFiles) -> None:
    door = Door()
    watch = TlsWatch(files, door.use)
    files.key.unlink()
    watch.turn(0.0)
    assert door.taken == []
    replaced(files.key, "another key")
    watch.turn(LOOK_EVERY)
    assert door.taken == ["first"]


def test_without_tls_nothing_is_looked_at() -> None:
    TlsWatch(None, Door().use).turn(0.0)
