"""What an engineer leaves on the flashed medium, and what the machine makes of it at its start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import settings
from firmware.network_file import NetworkFileError, read, unit

GOOD = """\ufeff# Zurich, first floor
Address = 192.168.1.20/24
gateway=192.168.1.1   # the router
dns = "192.168.1.1, 9.9.9.9"
hostname = callisto-zurich
"""


def test_a_file_becomes_a_network_of_systemd() -> None:
    assert unit(read(GOOD)).splitlines()[1:] == [
        "[Match]",
        "Type=ether",
        "",
        "[Network]",
        "Address=192.168.1.20/24",
        "Gateway=192.168.1.1",
        "DNS=192.168.1.1",
        "DNS=9.9.9.9",
    ]
    assert read(GOOD).hostname == "callisto-zurich"


def test_without_an_address_the_network_is_asked() -> None:
    assert "DHCP=yes" in unit(read("interface = eth1"))
    assert "Name=eth1" in unit(read("interface = eth1"))
    assert "DHCP=yes" in unit(read(""))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("adress = 1.2.3.4/24", "line 1: 'adress = 1.2.3.4/24' is refused; right would be: a line is one of"),
        ("\naddress 1.2.3.4/24", "line 2"),
        ("address = 192.168.1.20", "with the length of its network"),
        ("address = 192.168.1.0/24", "with the length of its network"),
        ("address = 192.168.1.255/24", "with the length of its network"),
        ("address = 127.0.0.2/8", "with the length of its network"),
        ("address = fe80::1/64", "with the length of its network"),
        ("address = 192.168.1.20/24\naddress = 192.168.1.21/24", "in line 1 already"),
        ("gateway = 192.168.1.1", "needs an address"),
        ("address = 192.168.1.20/24\ngateway = 192.168.2.1", "has to be in 192.168.1.0/24"),
        ("dns = 192.168.1", "an IPv4 address"),
        ("hostname = a_b", "a name such as"),
        ("interface = eth0\\nDHCP=no", "a name such as"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_what_is_right(text: str, why: str) -> None:
    with pytest.raises(NetworkFileError, match=why):
        read(text)


@given(st.text(max_size=80))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        made = unit(read(text))
    except NetworkFileError:
        return
    assert made.count("[Network]") == 1


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """One start of the machine; what the console says. Its folders are below `tmp_path`."""
    monkeypatch.setattr(settings, "_name_the_machine", (tmp_path / "named").write_text)
    for folder in ("medium", "state", "run", "etc"):
        (tmp_path / folder).mkdir()
    (tmp_path / "own.toml").write_text("telnet_port = 23\n")

    def once() -> str:
        folders = (tmp_path / name for name in ("medium", "state", "run", "own.toml", "etc"))
        assert settings.main(*folders) == 0
        return (tmp_path / "run" / settings.PROBLEMS).read_text()

    return once


def test_a_new_machine_gets_its_own_settings_and_keeps_what_they_become(
    tmp_path: Path, start: Callable[[], str]
) -> None:
    assert start() == ""
    kept = tmp_path / "state/callisto.toml"
    assert kept.read_text() == "telnet_port = 23\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("telnet_port = 2323\n")
    (tmp_path / "medium/callisto.toml").write_text("telnet_port = 24\n")
    assert start() == ""
    assert kept.read_text() == "telnet_port = 2323\n"
    assert not (tmp_path / "run/systemd").exists()


def test_settings_of_the_medium_are_those_of_the_first_start(
    tmp_path: Path, start: Callable[[], str]
) -> None:
    (tmp_path / "medium/callisto.toml").write_text("telnet_port = 24\n")
    (tmp_path / "medium/network.conf").write_text(GOOD)
    assert start() == ""
    assert (tmp_path / "state/callisto.toml").read_text() == "telnet_port = 24\n"
    assert "192.168.1.20/24" in (tmp_path / "run/systemd/network/10-callisto.network").read_text()
    assert (tmp_path / "etc/hostname").read_text() == "callisto-zurich\n"
    assert (tmp_path / "named").read_text() == "callisto-zurich"


@pytest.mark.parametrize("raw", [b"address = x", b"\xff\xfe", b"#" * 20_000])
def test_what_is_wrong_on_the_medium_is_said_and_stops_nothing(
    tmp_path: Path, start: Callable[[], str], raw: bytes
) -> None:
    (tmp_path / "medium/network.conf").write_bytes(raw)
    (tmp_path / "medium/callisto.toml").write_bytes(b"\xff")
    said = start().splitlines()
    assert said[0].startswith("network.conf: ")
    assert said[0].endswith("(DHCP is used)")
    assert (
        said[1]
        == "callisto.toml: it is no UTF-8 text; save it as UTF-8 (the settings are those of a new machine)"
    )
    assert (tmp_path / "state/callisto.toml").exists()
    assert not (tmp_path / "run/systemd").exists()
