"""An appliance without plain Telnet: its administrator comes over TLS, and goes when his password changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.demo.local import LocalAppliance
from db.store import Store
from db.variables.states import Actor
from tests import needs
from tests.appliance.waiting import until
from tests.journeys.telnet_admin import TelnetAdmin

SYSTEM = Actor("", "", "cli")


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAppliance]:
    needs.pjsua2()
    settings = {"CALLISTO_TELNET_PORT": "off", "CALLISTO_TELNET_BANNER": "Muster AG\nAll is noted."}
    with LocalAppliance(tmp_path_factory.mktemp("encrypted"), settings=settings) as one:
        one.start()
        until(lambda: "Ctrl-C stops everything" in one.log.read_text())
        yield one


def certificate(one: LocalAppliance) -> Path:
    return one.state / "tls" / "telnet.crt"


def test_the_start_tells_the_door_and_its_fingerprint(encrypted: LocalAppliance) -> None:
    said = encrypted.log.read_text()
    assert f"telnet-ssl -z ssl 127.0.0.1 {encrypted.telnets_port}   (TLS)" in said
    assert "  Telnet   telnet 127" not in said
    fingerprint = encrypted.service("shell")["facts"]["tls_fingerprint"]
    assert f"SHA-256 {fingerprint.replace(':', '').lower()}" in said


def test_an_administrator_works_over_tls_and_the_self_test_finds_the_door(encrypted: LocalAppliance) -> None:
    with TelnetAdmin(encrypted.telnets_port, certificate=certificate(encrypted)) as admin:
        assert "Muster AG\nAll is noted.\n" in admin.read_to("Username: ").replace("\r", "")
        admin.type("admin+s")
        admin.read_to("Password: ")
        admin.type(encrypted.password)
        admin.read_to("callisto# ")
        assert " 1.3 " in admin.command("show sessions")
        assert "it asks for the user name" in admin.command("self test | match Telnet")


def test_a_new_password_ends_his_session_within_seconds_and_is_in_the_audit_trail(
    encrypted: LocalAppliance,
) -> None:
    with (
        Store.open(f"sqlite:///{encrypted.state}/callisto.db") as store,
        TelnetAdmin(encrypted.telnets_port, certificate=certificate(encrypted)) as admin,
    ):
        admin.login("admin", encrypted.password)
        admin.command("show clock")
        changed = time.monotonic()
        store.accounts.set_password("admin", "another long phrase", SYSTEM)
        admin.read_to("% Logged out: the password was changed")
        assert time.monotonic() - changed < 5

        def noted() -> bool:
            newest = store.audit.latest(3)
            return any(one.action == "logout" and "the password was changed" in one.detail for one in newest)

        until(noted)
        store.accounts.set_password("admin", encrypted.password, SYSTEM)
