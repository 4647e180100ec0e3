"""Any office that can be, for property tests."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from db.office import ROLES, Office, Team, User
from router.model import (
    Contact,
    Forward,
    ForwardKind,
    Overflow,
    OverflowKind,
    Presence,
    ShowVip,
    Strategy,
    VipEntry,
    VipRouting,
)

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$" + "A" * 43
LINE_BREAKS = "\u2028\u2029"

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters=LINE_BREAKS), max_size=30
)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
numbers = st.from_regex(r"(\+|)[1-9*#][0-9*#]{0,12}", fullmatch=True)
addresses = st.one_of(
    numbers,
    st.sampled_from(
        ["sip:a@127.0.0.1:5071", "sip:b.c@phone.example", "sip:d@[2001:db8::1]:5060;transport=tcp"]
    ),
)
boxes = st.from_regex(r"voicemail:[0-9]{1,6}", fullmatch=True)
seconds = st.integers(0, 3600)


@st.composite
def people(draw: st.DrawFn) -> tuple[User, ...]:
    users = draw(st.lists(names, unique=True, max_size=5))
    taken = draw(st.lists(numbers, unique=True, min_size=len(users), max_size=len(users)))
    return tuple(
        User(
            user=user,
            name=draw(texts),
            address=draw(st.one_of(st.just(""), addresses)),
            number=draw(st.sampled_from(["", number])),
            roles=draw(st.frozensets(st.sampled_from(ROLES))),
            presence=draw(st.sampled_from(Presence)),
            message=draw(texts),
            password_hash=draw(st.sampled_from(["", HASH])),
        )
        for user, number in zip(users, taken, strict=True)
    )


@st.composite
def teams(draw: st.DrawFn, users: tuple[User, ...]) -> tuple[Team, ...]:
    with_phone = [user.user for user in users if user.address]
    called = draw(st.lists(texts.filter(bool), unique=True, max_size=4))
    taken = draw(st.lists(numbers, unique=True, min_size=len(called), max_size=len(called)))
    made = []
    for name, number in zip(called, taken, strict=True):
        order = draw(st.permutations(with_phone))
        first, *others = order[: draw(st.integers(0, len(order)))] or [""]
        managed = draw(st.booleans())
        made.append(
            Team(
                name=name,
                manager_number=draw(st.sampled_from(["", number])),
                manager=first if managed else "",
                members=tuple(others) if managed or not first else (first, *others),
                announcement=draw(st.sampled_from(["", "welcome.wav"])),
                ring_parallel=draw(st.booleans()),
                manager_timeout=draw(seconds),
                assistant_timeout=draw(seconds),
                overflow=draw(overflows()),
                show_calls=draw(st.booleans()),
                show_vip_calls=draw(st.sampled_from(ShowVip)),
                vip_routing=draw(st.sampled_from(VipRouting)),
                vip_threshold=draw(st.integers(0, 9)),
                assistant_direct=draw(st.booleans()),
                strategy=draw(st.sampled_from(Strategy)),
                vip=tuple(draw(st.lists(entries(), max_size=2))),
                need_registered=draw(st.booleans()),
                need_idle=draw(st.booleans()),
                need_unforwarded=draw(st.booleans()),
            )
        )
    return tuple(made)


@st.composite
def overflows(draw: st.DrawFn) -> Overflow:
    kind = draw(st.sampled_from(OverflowKind))
    target = {OverflowKind.VOICEMAIL: boxes, OverflowKind.NUMBER: numbers}.get(kind)
    return Overflow(kind, "" if target is None else draw(target).removeprefix("voicemail:"))


@st.composite
def entries(draw: st.DrawFn) -> VipEntry:
    pattern = draw(st.from_regex(r"(\+|)[1-9.][0-9.T]{0,10}", fullmatch=True))
    moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return VipEntry(pattern, draw(texts), draw(st.none() | moments))


@st.composite
def offices(draw: st.DrawFn) -> Office:
    """In order, as `load` gives it; every rule of the file is kept."""
    users = draw(people())
    groups = draw(teams(users))
    contacts = st.builds(
        Contact, texts.filter(bool), st.lists(numbers, unique=True, min_size=1, max_size=3).map(tuple),
        st.integers(0, 9),
    )  # fmt: skip
    variables = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "gWebTimeout": st.integers(0, 1440).map(str),
                "gWebServerRestart": st.sampled_from(["", "9,02:00", "0,23:59"]),
                "gTimeServer": st.sampled_from(["", "ntp.example", "2001:db8::1"]),
                "gStripCallerID": st.integers(0, 20).map(str),
                "gDefaultMailbox": st.sampled_from(["", *(user.number for user in users if user.number)]),
            },
        )
    )
    managers = {team.manager for team in groups}
    forwarded = tuple(
        User(**{**{name: getattr(user, name) for name in User.__slots__},
                "forwards": tuple(draw(forwards(user.user in managers, users)))})
        for user in users
    )  # fmt: skip
    return Office(forwarded, groups, tuple(draw(st.lists(contacts, max_size=3))), variables).in_order()


@st.composite
def forwards(draw: st.DrawFn, manages: bool, users: tuple[User, ...]) -> list[Forward]:
    kinds = [kind for kind in ForwardKind if manages or kind is not ForwardKind.APPLICATION]
    chosen = draw(st.lists(st.sampled_from(kinds), unique=True, max_size=2))
    colleagues = st.sampled_from([f"member:{user.user}" for user in users])
    inside = st.one_of(numbers, boxes, st.just("group"), colleagues)
    return [
        Forward(kind, draw(inside if kind is ForwardKind.APPLICATION else st.one_of(numbers, boxes)))
        for kind in chosen
    ]
