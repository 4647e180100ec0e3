"""The router's log: the lines of everybody else's, written together, lost only when nobody takes them."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.logs import child_line
from appliance.loop_log import MOST, ROOM, WITHIN, LoopLog


class Pipe:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        for end in (self.reading, self.writing):
            os.set_blocking(end, False)

    def text(self) -> str:
        """What has come since the last look."""
        found = b""
        try:
            while part := os.read(self.reading, 1 << 20):
                found += part
        except BlockingIOError:
            pass
        return found.decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reading)
    os.close(pipe.writing)


@pytest.fixture
def handler(pipe: Pipe) -> LoopLog:
    return LoopLog("router", pipe.writing)


@pytest.fixture
def log(handler: LoopLog) -> logging.Logger:
    logger = logging.Logger("of a test", logging.INFO)
    logger.addHandler(handler)
    return logger


def test_lines_wait_for_half_a_second_and_come_together(
    pipe: Pipe, handler: LoopLog, log: logging.Logger
) -> None:
    handler.turn(100.0)
    for number in range(3):
        log.info("call %d: %s", number, "it rings")
    handler.turn(100.0 + WITHIN / 2)
    assert pipe.text() == ""
    handler.turn(100.0 + WITHIN)
    lines = pipe.text().splitlines()
    assert [line.partition(" INFO ")[2] for line in lines] == [
        f"router: call {number}: it rings" for number in range(3)
    ]
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO ", line)
        assert child_line("x", line) == line  # the supervisor knows it as ours


def test_a_warning_comes_at_once_after_what_was_kept(pipe: Pipe, log: logging.Logger) -> None:
    log.info("first")
    log.warning("second")
    assert [line.rpartition(": ")[2] for line in pipe.text().splitlines()] == ["first", "second"]


def test_what_a_line_says_is_of_the_moment_it_was_logged(
    pipe: Pipe, handler: LoopLog, log: logging.Logger
) -> None:
    legs = ["a"]
    log.info("legs %s", legs)
    legs.append("b")
    handler.flush()
    assert pipe.text().endswith("legs ['a']\n")


def test_many_lines_do_not_wait(pipe: Pipe, log: logging.Logger) -> None:
    for number in range(MOST):
        log.info("%d", number)
    assert len(pipe.text().splitlines()) == MOST


def test_a_failure_has_its_traceback(pipe: Pipe, log: logging.Logger) -> None:
    try:
        int("a cause")
    except ValueError:
        log.exception("it failed")
    assert "Traceback" in (said := pipe.text())
    assert "'a cause'" in said


def test_a_pipe_that_nobody_reads_costs_lines_and_no_time_and_the_loss_is_said(
    pipe: Pipe, handler: LoopLog, log: logging.Logger
) -> None:
    count = 4 * ROOM // 100
    for number in range(count):
        log.info("%d %s", number, "x" * 100)
    handler.flush()
    said = ""
    while part := pipe.text():
        said += part
        handler.flush()
    log.info("after")
    handler.flush()
    said += pipe.text()
    dropped = re.search(r"^\((\d+) log lines were dropped\)$", said, re.MULTILINE)
    assert dropped
    kept = re.findall(r"^\d{4}.* INFO router: (\d+) x{100}$", said, re.MULTILINE)
    assert len(kept) + int(dropped[1]) == count
    assert said.endswith("after\n")


def test_the_last_lines_of_a_process_come_at_its_end() -> None:
    program = (
        "import logging; from appliance.loop_log import LoopLog; LoopLog.installed('router'); logging.info(1)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("INFO router: 1\n")
