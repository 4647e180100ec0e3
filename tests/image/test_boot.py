"""The image in a virtual machine, as an administrator meets it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from tests.image.conftest import Built
from tests.image.vm import HOST, Machine, machine
from tests.journeys.telnet_admin import TelnetAdmin
from tests.journeys.waiting import eventually

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

NEW = "Correct-Horse-7-Battery"


@pytest.fixture(scope="module", params=["bios", "uefi"])
def booted(request: pytest.FixtureRequest, image: Built) -> Iterator[Machine]:
    with machine(image.disk, uefi=request.param == "uefi") as one:
        print(f"\n{request.param}: banner after {one.until_banner():.1f} s")
        yield one


def test_the_password_on_the_console_opens_the_telnet_shell(booted: Machine) -> None:
    with TelnetAdmin(booted.telnet, within_s=60) as admin:
        admin.login("admin", booted.first_password())
        assert "Callisto" in admin.command("show info")


def test_the_web_answers_with_its_login_page(booted: Machine) -> None:
    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{booted.web}/login", timeout=20) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    assert "password" in eventually(page, within_s=120, every_s=1).lower()
