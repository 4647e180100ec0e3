"""The page on the machine's own screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.checks.verdicts.on_network import Link
from appliance.commands import console
from appliance.commands.console import Screen
from appliance.config import Config
from appliance.console import Machine, page
from appliance.first_password import FirstPassword

LO = Link("lo", True, ("127.0.0.1/8", "::1/128"))
CARD = Link("eth0", True, ("192.0.2.20/24", "2001:db8::5/64", "fe80::1/64"))
MACHINE = Machine("1.4.0", "callisto", (LO, CARD), 23, 9923, 80)


def test_it_says_where_to_log_in_and_with_what() -> None:
    shown = page(replace(MACHINE, password="abcd-efgh-jkmn"))
    assert shown == (
        "Callisto 1.4.0   callisto",
        "",
        "  Log in         telnet 192.0.2.20",
        "                 telnet-ssl -z ssl 192.0.2.20 9923",
        "  Browser        http://192.0.2.20/",
        "",
        "  First login    admin, password abcd-efgh-jkmn",
        "                 You will be asked to choose another password.",
        "",
    )


def test_a_password_that_was_changed_is_nowhere() -> None:
    assert not any("password" in line for line in page(MACHINE))


def test_ports_that_are_not_the_usual_ones_are_told() -> None:
    shown = page(replace(MACHINE, telnet_port=2323, telnets_port=0, web_port=8080))
    assert "  Log in         telnet 192.0.2.20 2323" in shown
    assert "  Browser        http://192.0.2.20:8080/" in shown
    assert "  Browser        https://192.0.2.20/" in page(replace(MACHINE, web_tls_port=443))
    assert "  Browser        https://192.0.2.20:8443/" in page(replace(MACHINE, web_tls_port=8443))
    assert page(replace(MACHINE, telnet_port=0))[2] == "  Log in         telnet-ssl -z ssl 192.0.2.20 9923"


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ((LO,), "No network card"),
        ((LO, Link("eth0", False, ())), "is the cable in eth0?"),
        ((LO, Link("eth0", True, ("fe80::1/64",))), "no DHCP server has answered"),
    ],
)
def test_without_an_address_it_says_what_to_do(links: tuple[Link, ...], said: str) -> None:
    assert said in "\n".join(page(replace(MACHINE, links=links)))


def test_what_is_wrong_on_the_medium_is_shown() -> None:
    assert "  ! network.conf: line 1: no" in page(replace(MACHINE, problems=["network.conf: line 1: no"]))


def test_the_page_of_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config.load({"CALLISTO_STATE": str(tmp_path)}, tmp_path)
    FirstPassword(config.first_password).keep("abcd-efgh-jkmn")
    (tmp_path / "problems").write_text("network.conf: \x1b[31mline 1\n")
    assert console.once(config, tmp_path / "problems") == 0
    said = capsys.readouterr().out
    assert "password abcd-efgh-jkmn" in said
    assert "\x1b" not in said


@pytest.fixture
def terminal() -> Iterator[tuple[int, Path]]:
    """What a person sees of it, and its path."""
    seen, other = os.openpty()
    os.set_blocking(seen, False)
    yield seen, Path(os.ttyname(other))
    os.close(seen)
    os.close(other)


def read(seen: int) -> str:
    try:
        return os.read(seen, 1 << 16).decode()
    except BlockingIOError:
        return ""


def test_a_screen_is_drawn_when_its_page_has_changed(terminal: tuple[int, Path]) -> None:
    seen, path = terminal
    screen = Screen(path)
    screen.show(("one", "two"))
    assert read(seen).replace("\r", "") == "\x1b[2J\x1b[Hone\ntwo\n"
    screen.show(("one", "two"))
    assert read(seen) == ""
    screen.show(("one", "three"))
    assert "three" in read(seen)


def test_a_screen_that_comes_back_is_drawn_and_one_that_is_gone_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "ttyS9"
    screen = Screen(path)
    screen.show(("page",))
    os.mkfifo(path)
    screen.show(("page",))  # nobody reads it
    seen = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    screen.show(("page",))
    assert "page" in read(seen)
    os.close(seen)


def test_who_stops_a_screen_holds_up_nobody(terminal: tuple[int, Path]) -> None:
    seen, path = terminal
    screen = Screen(path)
    full = tuple(f"{number:>70}" for number in range(2000))
    screen.show(full)
    assert "1999" not in read(seen)
    while read(seen):
        pass
    screen.show(("page",))
    assert "page" in read(seen)
