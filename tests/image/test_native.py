"""The image's units under systemd, as fast as a real machine: an application comes, and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.image import releases as made
from tests.image import stocked
from tests.image.conftest import built_trees
from tests.image.container import Container, container
from tests.image.releases import Releases

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

SHORT_S = 5.0
"""The mark is 2 seconds on a machine that does nothing else."""


@pytest.fixture(scope="module")
def applications(releases: Releases) -> dict[str, Path]:
    return {"good": releases.application("0.1.1"), "dies": releases.application("0.1.2", made.shell_dies)}


@pytest.fixture(scope="module")
def started(applications: dict[str, Path]) -> Iterator[Container]:
    shelf = tuple(applications.values())
    with container(built_trees("cloud")[-1], partial(stocked.fill, updates=shelf)) as one:
        print(f"\nevery service answers after {one.took_s:.1f} s")
        yield one


def test_no_unit_fails_but_what_wants_a_disk(started: Container) -> None:
    failed = started.run("systemctl", "--failed", "--plain", "--no-legend", "--no-pager").stdout
    assert {line.split()[0] for line in failed.splitlines()} <= {"appliance-good.service"}


def test_an_application_comes_and_goes_back_and_is_hardly_missed(
    started: Container, applications: dict[str, Path]
) -> None:
    came = started.asked("install", applications["good"].name)
    assert (came["outcome"]["what"], came["outcome"]["end"]) == ("confirmed", "0.1.1")
    went = started.asked("back")
    assert (went["outcome"]["what"], went["outcome"]["ok"]) == ("went back", True)
    print(f"\nnot served: {came['outages']}, back: {went['outages']}")
    assert max(*came["outages"].values(), *went["outages"].values()) <= SHORT_S


def test_one_that_does_not_answer_goes_by_itself(started: Container, applications: dict[str, Path]) -> None:
    found = started.asked("install", applications["dies"].name)
    assert (found["outcome"]["what"], found["outcome"]["ok"]) == ("fell back", False)
    assert "shell" in found["outcome"]["reason"]
