"""The stage of the rules: one appliance for many tests, each with an office, phones and a caller of its own.

Phones are driven by hand, message by message. What is decided is read where operator clients read it, on the
control socket, and where an admin reads it, in the call records.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.control import address
from appliance.demo.local import LocalAppliance
from db.office import Office, Team, User
from db.store import Store
from db.stores.calls import CallRecord
from db.variables.states import Actor
from router.model import Contact, Overflow, OverflowKind
from tests import needs
from tests.journeys.waiting import eventually
from tests.sip.peer import ANSWER, OFFER, Dialog, Message, Peer, parse
from tests.sip.peer import call as sip_call

ADMIN = Actor("admin", "", "cli")
PBX_HOST, DEAF_HOST, PHONE_HOST, STRANGE_HOST = "127.0.0.1", "127.0.0.3", "127.0.0.5", "127.0.0.9"
"""Callers come from the PBX, a PBX that takes no early media and knows no Replaces, a phone that is no peer,
and from nobody."""
PEOPLE = ("mia", "ben", "cleo", "dan")
"""The manager and the assistants, in member-list order."""
OWN_NUMBER = {"mia": "20", "ben": "21", "cleo": "22", "dan": "23"}
CALLER = "0441112233"
BUSY = Overflow(OverflowKind.BUSY)
_numbers = itertools.count(2000)


@dataclass
class Handset(Peer):
    """A far end that forgets nothing: what comes while something else is waited for is there afterwards."""

    kept: list[Message] = field(default_factory=list)

    def receive(self, wanted: str | int, within: float = 3.0) -> Message:
        until = time.monotonic() + within
        while True:
            for message in self.kept:
                if wanted == (message.status or message.method):
                    self.kept.remove(message)
                    return message
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no {wanted} within {within} s, but {[one.start for one in self.kept]}")
            self._take(left)

    def rings(self, status: int = 180, within: float = 3.0) -> Message:
        """The INVITE that makes it ring, and that it does."""
        invite = self.receive("INVITE", within)
        self.respond(invite, status)
        return invite

    def refuses(self, status: int, within: float = 3.0, *, to: str = "") -> Message:
        """A call, and no; `to`: the Contact of one that forwards."""
        invite = self.receive("INVITE", within)
        kept = [f"{name}: {invite[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
        contact = [f"Contact: {to}"] if to else []
        lines = [f"SIP/2.0 {status} Because", *kept, f"To: {invite['To']};tag={self.tag}", *contact]
        self.send("\r\n".join([*lines, "Content-Length: 0", "", ""]), invite.source)
        self.receive("ACK")
        return invite

    def stops_ringing(self, invite: Message, within: float = 3.0) -> Message:
        """The CANCEL, by the book."""
        cancel = self.receive("CANCEL", within)
        self.respond(cancel, 200)
        self.respond(invite, 487)
        self.receive("ACK")
        return cancel

    def says_goodbye(self) -> None:
        self.respond(self.receive("BYE"), 200)

    def is_left_alone(self, within: float = 0.3) -> None:
        """Nothing is there and nothing comes, but for provisional responses."""
        until = time.monotonic() + within
        while not (news := self._news()) and time.monotonic() < until:
            self._take(max(0.01, until - time.monotonic()))
        assert not news, news

    def _news(self) -> list[str]:
        return [one.start for one in self.kept if not 0 < one.status < 200]

    def _take(self, within: float) -> None:
        self.sock.settimeout(within)
        try:
            data, source = self.sock.recvfrom(65535)
        except TimeoutError:
            return
        message = parse(data, source)
        if message.status != 100 and message.identity not in self.seen:
            self.seen.add(message.identity)
            self.kept.append(message)


@contextmanager
def handset(host: str = PBX_HOST) -> Iterator[Handset]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        yield Handset(sock)


class Watch:
    """What the appliance tells of calls and to assistants, from now on."""

    def __init__(self, control_socket: Path) -> None:
        self._socket = address.connect(control_socket)
        self._lines = self._socket.makefile("rb")
        watch = {"id": 1, "request": "watch", "args": {"topics": ["call", "notice"]}}
        self._socket.sendall(json.dumps(watch).encode() + b"\n")
        assert json.loads(self._lines.readline())["ok"]
        self._kept: dict[str, deque[dict[str, Any]]] = {"call": deque(), "notice": deque()}

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def next(self, topic: str, group: str, within: float) -> dict[str, Any]:
        """The next event of that topic about that group."""
        until = time.monotonic() + within
        while not self._kept[topic]:
            left = until - time.monotonic()
            assert left > 0, f"no {topic} within {within} s"
            self._socket.settimeout(left)
            try:
                line = json.loads(self._lines.readline())
            except TimeoutError:
                raise AssertionError(f"no {topic} within {within} s") from None
            if line["data"].get("group") == group:
                self._kept[line["event"]].append(line["data"])
        return self._kept[topic].popleft()

    @property
    def notices(self) -> list[dict[str, Any]]:
        """Those that have come and that nobody asked for."""
        return list(self._kept["notice"])

    def until(self, topic: str, group: str, text: str, within: float) -> bool:
        """Whether an event of that text comes."""
        until = time.monotonic() + within
        while self.next(topic, group, max(0.01, until - time.monotonic()))["text"] != text:
            pass
        return True


@dataclass
class Site:
    """The appliance, its store, and its peers: the PBX, and one that is deaf to early media and Replaces."""

    appliance: LocalAppliance
    store: Store
    pbx: Handset
    deaf: Handset
    _used: set[str] = field(default_factory=set)
    """Revisions that the log has told of so far."""
    _read_to: int = 0

    def imports(self, office: Office) -> None:
        """As an admin does; returns when calls are routed by it."""
        self.store.office.write(office, ADMIN)
        self.is_used()

    def is_used(self, revision: int = 0) -> None:
        """The router has what is in the store now, or the table of that revision."""
        wanted = str(revision or self.store.revision())

        def read() -> bool:
            with self.appliance.log.open("rb") as log:
                log.seek(self._read_to)
                used = re.findall(rb"routing table of revision (\d+):", log.read())
                self._used.update(one.decode() for one in used)
                self._read_to = max(0, log.tell() - 100)  # a line may be there in part
            return wanted in self._used

        eventually(read, every_s=0.02)

    @property
    def announcements(self) -> Path:
        return self.appliance.state / "announcements"

    def record(self, number: str) -> CallRecord:
        """Of the newest call to `number`, once the supervisor has put it into the store."""

        def found() -> CallRecord | None:
            return next((one for one in self.store.calls.latest(50) if one.dialled == number), None)

        record = eventually(found)
        assert record is not None
        return record


PBX = "ping_s=0"
DEAF = "ping_s=0;early_media=false;replaces=false;priority=2"


@contextmanager
def site(folder: Path, *, first: str = PBX, second: str = DEAF) -> Iterator[Site]:
    """`first`, `second`: the settings of the two peers."""
    needs.pjsua2()
    with ExitStack() as running:
        pbx, deaf = running.enter_context(handset(PBX_HOST)), running.enter_context(handset(DEAF_HOST))
        settings = {
            "CALLISTO_PEERS": f"pbx={PBX_HOST}:{pbx.port};{first},deaf={DEAF_HOST}:{deaf.port};{second}",
            "CALLISTO_NETWORKS": f"{PBX_HOST}/32,{PHONE_HOST}/32",
        }
        appliance = running.enter_context(LocalAppliance(folder, settings=settings))
        appliance.start()
        store = running.enter_context(Store.open(f"sqlite:///{appliance.state}/callisto.db"))
        yield Site(appliance, store, pbx, deaf)


@dataclass
class Desk:
    """A group of mia and her assistants, their phones, and somebody who calls her number."""

    site: Site
    phones: Mapping[str, Handset]
    caller: Handset
    watch: Watch
    running: ExitStack
    number: str = field(default_factory=lambda: str(next(_numbers)))

    def __getattr__(self, name: str) -> Handset:
        """The phone of mia, ben, cleo or dan."""
        if name in PEOPLE:
            return self.phones[name]
        raise AttributeError(name)

    @property
    def group(self) -> str:
        return f"Desk {self.number}"

    @property
    def pbx(self) -> Handset:
        return self.site.pbx

    def opens(
        self,
        *members: str,
        people: Mapping[str, Mapping[str, Any]] | None = None,
        contacts: tuple[Contact, ...] = (),
        others: tuple[Team, ...] = (),
        variables: Mapping[str, str] | None = None,
        **rules: Any,
    ) -> None:
        """The office with this group of mia and `members`; calls stay bridged here unless `variables` say
        something else. `people`: what is different of them; `others`: more groups."""
        users = tuple(self._user(user, (people or {}).get(user, {})) for user in PEOPLE)
        board = Team(self.group, self.number, **{"manager": "mia", "members": members, **rules})
        settings = {"gBridgeTransfer": "1", **(variables or {})}
        present = [one for one in self.site.store.office.read().users if one.user not in PEOPLE]
        self.site.imports(Office((*present, *users), (board, *others), contacts, settings))

    def _user(self, user: str, more: Mapping[str, Any]) -> User:
        uri = f"sip:{user}@{PBX_HOST}:{self.phones[user].port}"
        settings = {"address": uri, "number": OWN_NUMBER[user], **more}
        return User(user, user.capitalize(), **settings)

    # What the caller does

    def calls(
        self,
        *,
        number: str = CALLER,
        name: str = "Petra",
        dialled: str = "",
        sdp: str = OFFER,
        headers: Iterable[str] = (),
        by: Handset | None = None,
    ) -> Dialog:
        """An INVITE to the manager number, by the one caller unless `by` says who."""
        who = f'"{name}" <sip:{number}@example.org>'
        port = self.site.appliance.sip_port
        return sip_call(by or self.caller, port, dialled or self.number, sdp=sdp, caller=who, headers=headers)

    def is_refused(self, dialog: Dialog, status: int, within: float = 3.0) -> Message:
        response = dialog.peer.receive(status, within)
        dialog.acknowledge_refusal(response)
        return response

    def gives_up(self, dialog: Dialog) -> None:
        dialog.request("CANCEL")
        self.is_refused(dialog, 487)

    def hangs_up(self, dialog: Dialog, *phones: Handset) -> None:
        """BYE by the caller; the other side is told."""
        dialog.request("BYE")
        dialog.peer.receive(200)
        for phone in phones:
            phone.says_goodbye()

    # What phones do

    def connects(self, dialog: Dialog, phone: Handset, invite: Message, sdp: str = ANSWER) -> Dialog:
        """The phone answers and the caller is connected with it: the phone's side of its call."""
        phone.respond(invite, 200, sdp)
        phone.receive("ACK")
        dialog.answered(dialog.peer.receive(200))
        return phone.dialog_of(invite)

    # What is told

    def notice(self, within: float = 3.0) -> dict[str, Any]:
        return self.watch.next("notice", self.group, within)

    def no_notice(self) -> None:
        """None has come for this group: to be asked when the call is over."""
        assert not self.watch.notices, self.watch.notices

    def story(self, within: float = 6.0) -> list[str]:
        """Every step of the call in words, once it is over."""
        steps = []
        while (told := self.watch.next("call", self.group, within))["event"] != "ended":
            if told["event"] == "step":
                steps.append(told["text"])
        return steps

    def record(self) -> CallRecord:
        return self.site.record(self.number)

    def also(self, host: str = PBX_HOST) -> Handset:
        """One more far end."""
        return self.running.enter_context(handset(host))


@contextmanager
def desk(at: Site) -> Iterator[Desk]:
    with ExitStack() as running:
        phones = {user: running.enter_context(handset()) for user in PEOPLE}
        caller = running.enter_context(handset())
        watch = Watch(at.appliance.control_socket)
        running.callback(watch.close)
        for peer in (at.pbx, at.deaf):
            peer.waiting(0.001)
            peer.kept.clear()
        yield Desk(at, phones, caller, watch, running)


def told(steps: Iterable[str], pattern: str) -> bool:
    """Whether one step says this (a regular expression, from its beginning)."""
    return any(re.match(pattern, step) for step in steps)
