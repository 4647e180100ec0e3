"""Offices as hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from router.call import Call, House, Skip
from router.model import (
    Forward,
    ForwardKind,
    Group,
    Overflow,
    OverflowKind,
    Peer,
    Person,
    Presence,
    ShowVip,
    Strategy,
    VipRouting,
)
from router.vip import Vip
from tests.router.office import person

USERS = ["B", "C", "D", "E"]
PBX = Peer("pbx", "127.0.0.1", 5080)
VIP = Vip(rank=5, threshold=3)

presences = st.sampled_from(Presence)
overflows = st.sampled_from(
    [
        Overflow(),
        Overflow(OverflowKind.BUSY),
        Overflow(OverflowKind.VOICEMAIL, "31"),
        Overflow(OverflowKind.NUMBER, "900"),
    ]
)
_FORWARDS = [
    *[
        (Forward(ForwardKind.APPLICATION, target),)
        for target in ["0791112233", "group", "member:B", "member:Z", "voicemail:31", "200", "none", "x"]
    ],
    (Forward(ForwardKind.LINE_UNCONDITIONAL, "0799999999"),),
]
seconds = st.sampled_from([0, 5, 20, 100])


@st.composite
def people(draw: st.DrawFn, user: str) -> Person:
    reach = draw(st.sampled_from([f"sip:{user}@127.0.0.1"] * 4 + ["", "sip:x@nowhere.example"]))
    forwards = draw(st.sampled_from([(), (), *_FORWARDS])) if draw(st.booleans()) else ()
    return person(user, draw(presences), address=reach, number=str(ord(user)), forwards=forwards)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    users = draw(st.lists(st.sampled_from(USERS), unique=True))
    return Group(
        name="Board",
        manager_number="200",
        manager=draw(st.none() | people("M")),
        assistants=tuple(draw(people(user)) for user in users),
        ring_parallel=draw(st.booleans()),
        manager_timeout=draw(seconds),
        assistant_timeout=draw(seconds),
        overflow=draw(overflows),
        show_calls=draw(st.booleans()),
        show_vip_calls=draw(st.sampled_from(ShowVip)),
        vip_routing=draw(st.sampled_from(VipRouting)),
        assistant_direct=draw(st.booleans()),
        strategy=draw(st.sampled_from(Strategy)),
        announcement=draw(st.sampled_from(["", "", "/var/welcome.wav"])),
        need_unforwarded=draw(st.booleans()),
    )


@st.composite
def calls(draw: st.DrawFn) -> Call:
    group = draw(groups())
    member = draw(st.sampled_from(["", "", "M", *(one.user for one in group.assistants)]))
    return Call(
        group,
        "0441234567",
        dialled="200",
        vip=draw(st.none() | st.just(VIP)),
        member=member,
        private=draw(st.booleans()),
        peer=draw(st.sampled_from([None, PBX])),
        early=draw(st.booleans()),
        diversions=draw(st.sampled_from([0, 0, 0, 3, 4, 5])),
        house=House(
            own=frozenset({"200", "300"}),
            longest_forward=draw(st.sampled_from([100, 5])),
            bridges=draw(st.booleans()),
        ),
        unfit=draw(
            st.dictionaries(st.sampled_from(USERS), st.sampled_from([Skip.IN_CALL, Skip.NOT_REGISTERED]))
        ),
    )
