"""Writers of one store take turns: none is passed by again and again, and none waits for ever."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from db import exchange
from db.exchange import writing


def test_two_never_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "callisto.db"
    inside, most, done = [0], [0], []
    guard = threading.Lock()

    def work() -> None:
        for _ in range(50):
            with writing(path):
                with guard:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0)
                with guard:
                    inside[0] -= 1
        done.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert (len(done), most[0]) == (4, 1)


def test_who_comes_when_somebody_waits_does_not_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "callisto.db"
    waits, free, order = threading.Event(), threading.Event(), []

    def patiently(_seconds: float) -> None:
        if threading.current_thread().name == "first":
            waits.set()
            free.wait(30)
        else:
            order.append("the second waits")
            free.set()
            first.join(30)

    monkeypatch.setattr(exchange.time, "sleep", patiently)

    def come_first() -> None:
        with writing(path):
            order.append("the first writes")

    first = threading.Thread(target=come_first, name="first")
    with writing(path):
        first.start()
        assert waits.wait(30)
    with writing(path):
        order.append("the second writes")
    assert order == ["the second waits", "the first writes", "the second writes"]


def test_a_file_system_without_such_locks_has_no_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> bytes:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(exchange.fcntl, "fcntl", without)
    with writing(tmp_path / "callisto.db"), writing(tmp_path / "callisto.db"):
        pass


def test_a_writer_that_hangs_holds_nobody_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_PATIENCE", ((0.02, 0.001),))
    path = tmp_path / "callisto.db"
    with writing(path), writing(path):
        pass
    with writing(path):
        pass
