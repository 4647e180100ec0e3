"""The immutable picture of an office that calls are routed by.

Values only: no clock, no store, no SIP. `spec: call flow, Groups / Presence and forwarding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum


class Presence(Enum):
    AVAILABLE = "available"
    AWAY = "away"
    BUSY = "busy"
    DND = "dnd"


class Strategy(Enum):
    """How assistants are rung."""

    SEQUENTIAL = "sequential"
    ALL_AT_ONCE = "all_at_once"


class ShowVip(IntEnum):
    """Whether assistants are told of VIP calls (`show_vip_calls`)."""

    NEVER = 0
    AS_OTHERS = 1
    ANONYMOUS = 2


class VipRouting(IntEnum):
    """Where a VIP call goes (`vip_routing`)."""

    MANAGER_ONLY = 0
    MANAGER_FIRST = 1
    AS_OTHERS = 2


class OverflowKind(Enum):
    NONE = "none"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Overflow:
    """What happens at the end of the member list. `target`: box or number, empty for the other kinds."""

    kind: OverflowKind = OverflowKind.NONE
    target: str = ""


class ForwardKind(Enum):
    """Line forwarding belongs to the phone; application forwarding to managers alone."""

    LINE_UNCONDITIONAL = "line_unconditional"
    LINE_BUSY = "line_busy"
    LINE_NO_ANSWER = "line_no_answer"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Forward:
    """`target`: a number, `voicemail:<box>`, `group` (first available assistant) or `member:<user>`."""

    kind: ForwardKind
    target: str


@dataclass(frozen=True, slots=True)
class Person:
    """A user as the router sees him.

    `address`: a number reached through the trunk, or a SIP URI; empty when he has no phone.
    `number`: his own extension, by which a call *from* him is recognised; empty when unknown.
    """

    user: str
    name: str
    address: str
    number: str = ""
    presence: Presence = Presence.AVAILABLE
    message: str = ""
    forwards: tuple[Forward, ...] = ()


@dataclass(frozen=True, slots=True)
class VipEntry:
    """A line of a manager's VIP list: `.` is one digit, `T` zero or more."""

    pattern: str
    description: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A directory contact. `rank` 0…9; numbers already normalised."""

    name: str
    numbers: tuple[str, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A manager/assistant group. Members in hunting order, the manager apart; times in seconds, 0 = off.

    `announcement`: path of a WAV file, empty for none. `need_registered`, `need_idle`, `need_unforwarded`: an
    assistant is available only while his phone is registered, in no call, and his line not forwarded.
    """

    name: str
    manager_number: str = ""
    manager: Person | None = None
    assistants: tuple[Person, ...] = ()
    ring_parallel: bool = False
    manager_timeout: int = 0
    assistant_timeout: int = 0
    overflow: Overflow = Overflow()
    show_calls: bool = True
    show_vip_calls: ShowVip = ShowVip.AS_OTHERS
    vip_routing: VipRouting = VipRouting.MANAGER_ONLY
    vip_threshold: int = 0
    assistant_direct: bool = False
    strategy: Strategy = Strategy.SEQUENTIAL
    vip_entries: tuple[VipEntry, ...] = ()
    announcement: str = ""
    need_registered: bool = True
    need_idle: bool = True
    need_unforwarded: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """A PBX that calls go to and come from.

    `host`: a literal address, names are resolved before they get here. `transport`: udp, tcp or tls.
    `priority`: the lowest is tried first. `realm`: the only one that gets the digest credentials, empty for
    any. `ping_s`: seconds between OPTIONS, 0 = never. `early_media`: it takes speech with a 183. `replaces`:
    it understands Replaces in a REFER. `dtmf`: auto, rfc4733 or info. `srtp`: pass or require.
    """

    name: str
    host: str
    port: int = 5060
    transport: str = "udp"
    priority: int = 1
    user: str = ""
    password: str = field(default="", repr=False)
    realm: str = ""
    register: bool = False
    ping_s: int = 10
    early_media: bool = True
    replaces: bool = True
    dtmf: str = "auto"
    srtp: str = "pass"
    domain: str = ""
    """The name that `host` was looked up by, which a TLS certificate must prove; empty for an address."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The system variables that routing reads."""

    strip_caller_id: int = 0
    transfer_with_caller_id: bool = True
    bridge_transfer: bool = False
    max_forward_number_len: int = 100


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Everything a call needs. `hosts`: name in a SIP URI -> literal address.

    `groups` by normalised manager number, `contacts` by normalised number (of two with the same one that of
    the higher rank).

    `networks`: from where calls are taken besides the peers, in CIDR form, or "any".
    """

    revision: int = 0
    groups: Mapping[str, Group] = field(default_factory=dict)
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    settings: Settings = Settings()
    peers: tuple[Peer, ...] = ()
    networks: tuple[str, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
