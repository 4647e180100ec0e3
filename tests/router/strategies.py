"""Offices as hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from router.hunting import Call
from router.model import (
    Group,
    Overflow,
    OverflowKind,
    Person,
    Presence,
    ShowVip,
    Strategy,
    VipRouting,
)
from router.vip import Vip
from tests.router.office import person

USERS = ["B", "C", "D", "E"]
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
seconds = st.sampled_from([0, 5, 20, 100])


@st.composite
def people(draw: st.DrawFn, user: str) -> Person:
    reach = draw(st.sampled_from([f"sip:{user}@127.0.0.1"] * 4 + ["", "sip:x@nowhere.example"]))
    return person(user, draw(presences), address=reach, number=str(ord(user)))


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
        lines=draw(st.integers(1, 4)),
    )
