"""One appliance for the tests of a file, beside ports for its phones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from db.office import Office, Team, User
from router.model import Overflow, OverflowKind, Presence
from tests import needs
from tests.interop.baresip import Baresip, baresip
from tests.interop.ports import HOST
from tests.interop.recording import write_wav
from tests.interop.stage import Stage, phone_ports, stage
from tests.sip.peer import Peer, peer
from tests.sip.rtp import tone

AVAILABLE, AWAY, GREETED, BY_TCP, BY_TLS, SECURE = "600", "700", "610", "620", "630", "640"
GREETING, GREETING_S = 700, 1.5
USERS = ("anna", "dora", "berta", "carla", "tina", "sepp")


def office(ports: dict[str, int]) -> Office:
    def at(user: str, parameters: str = "") -> str:
        return f"sip:{user}@{HOST}:{ports[user]}{parameters}"

    return Office(
        users=(
            User("anna", "Anna Amsler", at("anna"), "61"),
            User("dora", "Dora Dubach", at("dora"), "71", presence=Presence.AWAY),
            User("berta", "Berta Bücher", at("berta"), "72"),
            User("carla", "Carla Roth", at("carla"), "73"),
            User("tina", "Tina Tanner", at("tina", ";transport=tcp"), "81"),
            User("sepp", "Sepp Sicher", at("sepp"), "82"),
        ),
        groups=(
            Team("Sales", AVAILABLE, "anna", ("berta", "carla"), overflow=Overflow(OverflowKind.BUSY)),
            Team("Board", AWAY, "dora", ("berta", "carla"), assistant_timeout=1),
            Team("Hotline", GREETED, "anna", announcement="greeting.wav"),
            Team("Stream", BY_TCP, "tina"),
            Team("Secret", SECURE, "sepp", overflow=Overflow(OverflowKind.BUSY)),
        ),
    )


@pytest.fixture(scope="module")
def office_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """For tests that leave it as it was."""
    needs.program("baresip", "baresip-core")
    folder = tmp_path_factory.mktemp("stage")
    ports = phone_ports(USERS)
    write_wav(folder / "greeting.wav", tone(GREETING, GREETING_S))
    with stage(folder, office(ports), ports, announcements=[folder / "greeting.wav"]) as running:
        yield running


class Phones(Protocol):
    def __call__(self, user: str, **options: Any) -> AbstractContextManager[Baresip]:
        """baresip as the phone of one of USERS."""


@pytest.fixture
def phone(office_stage: Stage, tmp_path: Path) -> Phones:
    return lambda user, **options: baresip(tmp_path, user, port=office_stage.ports[user], **options)


@pytest.fixture
def caller() -> Iterator[Peer]:
    with peer() as one:
        yield one


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failure without the appliance's log is a riddle."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for given in getattr(item, "funcargs", {}).values():
            if isinstance(given, Stage):
                report.sections.append(("appliance log", given.appliance.log_end(60)))
