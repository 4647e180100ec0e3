"""An appliance that takes calls from one PBX only, at another address, and a phone that goes by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.office import Office, Team, User
from router.model import Overflow, OverflowKind
from tests.hostile.automaton import Automaton, automaton
from tests.interop.stage import Stage, stage
from tests.sip.peer import OFFER, Dialog, Message, Peer

PBX, ATTACKER = "127.0.0.2", "127.0.0.3"
ROUTER = "127.0.0.1"
DIALLED = "600"
GOOD = ("0441110001", "0441110002")
"""Callers whose calls the phone takes: one whose call goes on, and those that are placed meanwhile."""


@dataclass(frozen=True, slots=True)
class House:
    stage: Stage
    phone: Automaton

    @property
    def address(self) -> tuple[str, int]:
        return ROUTER, self.stage.sip_port

    def call(self, caller: Peer, number: str) -> Dialog:
        """A call by way of the PBX that is up."""
        target = f"sip:{DIALLED}@{ROUTER}:{self.stage.sip_port}"
        local = f"<sip:{number}@{PBX}>;tag={caller.tag}"
        dialog = Dialog(caller, self.address, local=local, remote=f"<{target}>", target=target)
        dialog.request("INVITE", OFFER)
        dialog.answered(caller.receive(200, within=10))
        return dialog

    def still_up(self, caller: Peer, dialog: Dialog) -> None:
        """A new offer goes to the phone and its answer comes back."""
        dialog.request("INVITE", OFFER.replace("a=sendrecv", "a=sendonly"))
        ok: Message = caller.receive(200, within=10)
        assert "m=audio 50000" in ok.body
        dialog.answered(ok)

    def end(self, caller: Peer, dialog: Dialog) -> None:
        dialog.request("BYE")
        caller.receive(200, within=10)

    def pid(self) -> int:
        return int(self.stage.appliance.service("router")["pid"])

    def memory_mb(self) -> float:
        """Resident, of the router."""
        status = Path(f"/proc/{self.pid()}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """For tests that leave it as it was."""
    with ExitStack() as running:
        phone = running.enter_context(automaton(PBX, *GOOD))
        office = Office(
            users=(User("anna", "Anna Amsler", phone.uri, "61"),),
            groups=(Team("Sales", DIALLED, "anna", overflow=Overflow(OverflowKind.BUSY)),),
        )
        settings = {"CALLISTO_PEERS": f"pbx={PBX}:5060;ping_s=0", "CALLISTO_NETWORKS": "10.0.0.0/8"}
        yield House(
            running.enter_context(stage(tmp_path_factory.mktemp("house"), office, {}, settings=settings)),
            phone,
        )


@pytest.fixture
def caller() -> Iterator[Peer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((PBX, 0))
        yield Peer(sock)
