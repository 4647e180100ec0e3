"""The appliance beside phones of others' making: ready, and what became of its calls."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.demo.local import LocalAppliance
from db import transfer
from db.office import Office
from db.store import Store
from db.stores.calls import CallRecord
from tests import needs
from tests.interop.ports import HOST, free_ports
from tests.journeys.waiting import eventually
from tests.sip.media import rtp_ports
from tests.sip.peer import Dialog, Message, Peer, call
from tests.sip.rtp import Voice


@dataclass
class Stage:
    """`ports`: of the phones by user, taken by whoever a test lets play them."""

    appliance: LocalAppliance
    ports: Mapping[str, int]
    folder: Path

    @property
    def sip_port(self) -> int:
        return self.appliance.sip_port

    def uri(self, dialled: str, parameters: str = "") -> str:
        return f"sip:{dialled}@{HOST}:{self.sip_port}{parameters}"

    def record_of(self, number: str) -> CallRecord:
        """Of the newest call from `number`, once the supervisor has put it into the store."""

        def found() -> CallRecord | None:
            store = Store.open(f"sqlite:///{self.appliance.state}/callisto.db")
            try:
                return next((one for one in store.calls.latest(50) if one.caller == number), None)
            finally:
                store.close()

        record = eventually(found, 15)
        assert record is not None
        return record

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.appliance.service("router").get("facts", {})
        return facts

    def until_idle(self, within: float = 15) -> None:
        """No call, and no leg of one."""

        def idle() -> bool:
            facts = self.facts()
            return facts.get("calls_now") == 0 and facts.get("legs_in_use") == 0

        eventually(idle, within)


@contextlib.contextmanager
def stage(
    folder: Path,
    office: Office,
    ports: Mapping[str, int],
    *,
    settings: Mapping[str, str] | None = None,
    announcements: Sequence[Path] = (),
    sip_port: int = 0,
) -> Iterator[Stage]:
    needs.pjsua2()
    low, high = rtp_ports()
    given = {"CALLISTO_RTP_PORTS": f"{low}-{high}", **(settings or {})}
    if sip_port:
        given["CALLISTO_SIP_PORT"] = str(sip_port)
    with LocalAppliance(folder / "appliance", settings=given) as appliance:
        appliance.sip_port = sip_port or appliance.sip_port
        file = folder / "office.yaml"
        file.write_text(transfer.dump(office), encoding="utf-8")
        for spoken in announcements:
            folder_of_them = appliance.state / "announcements"
            folder_of_them.mkdir(parents=True, exist_ok=True)
            shutil.copy(spoken, folder_of_them)
        imported = appliance.callisto("import", str(file))
        assert imported.returncode == 0, imported.stderr
        appliance.start()
        yield Stage(appliance, ports, folder)


@dataclass
class Up:
    """A call of a caller of ours that has been answered: he speaks."""

    dialog: Dialog
    ok: Message

    def hang_up(self, caller: Peer) -> None:
        self.dialog.request("BYE")
        caller.receive(200, within=5)


def place(caller: Peer, voice: Voice, to: Stage, dialled: str, number: str, **how: str) -> Dialog:
    """The INVITE of a caller of ours, with his voice's description."""
    who = f'"{how.get("name", "Test")}" <sip:{number}@{HOST}>'
    return call(caller, to.sip_port, dialled, sdp=how.get("sdp", voice.sdp()), caller=who)


def up(
    caller: Peer, voice: Voice, to: Stage, dialled: str, number: str, *, within: float = 8, **how: str
) -> Up:
    """The whole way to a call in which he speaks."""
    dialog = place(caller, voice, to, dialled, number, **how)
    ok = caller.receive(200, within=within)
    dialog.answered(ok)
    voice.towards(ok.body)
    return Up(dialog, ok)


def phone_ports(users: tuple[str, ...], each: int = 3) -> dict[str, int]:
    """For each its port, and those after it for its TLS and its control."""
    first = free_ports(each * len(users))
    return {user: first[index * each] for index, user in enumerate(users)}
