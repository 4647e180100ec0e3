"""A realistic store of a wanted size, the same for the same seed; and what is in it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pysqlite3

from db.salvage.declared import schema_of
from db.salvage.shapes import Row, Schema
from db.store import prepare
from db.tables import metadata

SCHEMA: Schema = schema_of(metadata)
_START = datetime(2024, 1, 1, 7)  # noqa: DTZ001
_NAMES = (
    "Anna",
    "Berta",
    "Carla",
    "Dora",
    "Emil",
    "Fritz",
    "Gerda",
    "Hans",
    "Ilse",
    "Jörg",
    "Kübra",
    "Łukasz",
)
_RESULTS = ("answered", "answered", "answered", "abandoned", "busy", "overflow")
_PARTS = (
    "the number {to} belongs to the group {group}",
    "manager away: assistant {n} of 5, {name}, rings",
    "{name} does not answer within 20 s",
    "{name} has answered",
    "the caller has hung up",
    "{name} is busy and is left out",
    "to voicemail box {n}",
)


def make(path: Path, calls: int, seed: int = 1) -> None:
    """A store with as many calls, an audit trail and a history to match, 40 people; the log folded in."""
    prepare(f"sqlite:///{path}")
    raw = pysqlite3.connect(str(path), isolation_level=None)
    try:
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("PRAGMA secure_delete=ON")
        raw.execute("BEGIN")
        fill(raw, calls, random.Random(seed))
        raw.execute("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def fill(raw: Any, calls: int, dice: random.Random) -> None:
    _people(raw, dice)
    _history(raw, max(30, calls // 30), dice)
    _insert(raw, "call", (call(dice, number) for number in range(calls)))
    _insert(raw, "audit", (_note(dice, number) for number in range(calls // 2)))
    runs = (
        (
            number,
            f"{dice.choice(_NAMES)} restart",
            "gWebServerRestart",
            _at(number),
            _at(number, 1) if dice.random() < 0.9 else None,
            None,
            dice.choice([None, dice.random(), 2.0]),
            "done " * dice.randrange(9),
        )
        for number in range(1, calls // 20 + 20)
    )
    _insert(raw, "job_run", runs)
    spools = (
        (f"calls-{1_700_000_000_000 + number}.jsonl", dice.randrange(1 << 34), _at(number))
        for number in range(60)
    )
    _insert(raw, "spool_position", spools)
    # What is deleted leaves free pages and holes.
    raw.execute("DELETE FROM audit WHERE id BETWEEN ? AND ?", (calls // 8, calls // 7))
    raw.execute("DELETE FROM call WHERE rowid % 97 = 0")


def call(dice: random.Random, number: int) -> tuple[Any, ...]:
    """One row of calls; now and then with a very long explanation."""
    steps = 400 if dice.random() < 0.001 else dice.randrange(2, 9)
    words = [
        {
            "at_s": round(step * 1.5, 3),
            "text": dice.choice(_PARTS).format(
                to=4000 + number % 90, group="Sales", n=dice.randrange(5), name=dice.choice(_NAMES)
            ),
        }
        for step in range(steps)
    ]
    caller = f"+4144{dice.randrange(10**7):07}"
    answered = dice.random() < 0.6
    return (
        f"{dice.getrandbits(128):032x}",
        _at(number),
        _at(number, 90),
        _at(number, 12) if answered else None,
        caller,
        f"sip:{caller}@192.0.2.{dice.randrange(256)}",
        dice.choice(("", *_NAMES)),
        str(4000 + number % 90),
        "Sales",
        int(dice.random() < 0.1),
        dice.choice(_RESULTS),
        200 if answered else 480,
        dice.choice(_NAMES).lower() if answered else None,
        float(dice.randrange(90)),
        round(dice.random() * 30, 3),
        json.dumps(words),
    )


def truth(path: Path) -> dict[str, set[Row]]:
    """All rows of all tables, as SQLite reads them."""
    return {name: set(rows(path, name)) for name in names()}


def names() -> tuple[str, ...]:
    return tuple(shape.name for shape in SCHEMA.shapes if shape.ours)


def rows(path: Path, table: str) -> Iterator[Row]:
    raw = pysqlite3.connect(str(path))
    try:
        yield from raw.execute(f'SELECT * FROM "{table}"')
    finally:
        raw.close()


def _people(raw: Any, dice: random.Random) -> None:
    people = [f"{dice.choice(_NAMES).lower()}{number}" for number in range(40)]
    _insert(
        raw,
        "users",
        (
            (
                user,
                user.title(),
                f"sip:{user}@192.0.2.9",
                str(4100 + at) if at % 3 else "",
                "$argon2id$v=19$m=19456,t=2,p=1$" + f"{dice.getrandbits(256):064x}",
                _at(at),
            )
            for at, user in enumerate(people)
        ),
    )
    _insert(
        raw,
        "user_role",
        ((user, role) for user in people for role in ("user", "support")[: dice.randrange(1, 3)]),
    )
    _insert(
        raw,
        "presence",
        ((user, dice.choice(("available", "away", "busy", "dnd")), "", _at(9)) for user in people),
    )
    _insert(raw, "forwarding", ((user, "line_busy", "4711") for user in people[::2]))
    choices = ("none", "busy", "voicemail", "number")
    _insert(
        raw,
        "groups",
        (
            (
                at,
                f"Group {at}",
                str(5000 + at),
                "",
                at % 2,
                20,
                15,
                choices[at % 4],
                "",
                1,
                at % 3,
                0,
                2,
                0,
                "sequential",
                1,
                1,
                0,
            )
            for at in range(1, 9)
        ),
    )
    _insert(
        raw,
        "member",
        (
            (at, user, place, int(place == 0))
            for at in range(1, 9)
            for place, user in enumerate(dice.sample(people, 6))
        ),
    )
    _insert(
        raw,
        "vip_entry",
        (
            (at, at % 8 + 1, at, f"+4179{at}*", "a friend" * (at % 4), _at(at) if at % 5 else None)
            for at in range(1, 300)
        ),
    )
    _insert(raw, "contact", ((at, dice.choice(_NAMES) + f" {at}", at % 4) for at in range(1, 400)))
    _insert(
        raw,
        "contact_number",
        ((at, place, f"+4144{at:05}{place}") for at in range(1, 400) for place in (1, 2)),
    )


def _history(raw: Any, count: int, dice: random.Random) -> None:
    changes = (
        (
            at,
            _at(at),
            "admin",
            "192.0.2.1",
            "telnet",
            f"gVariable{at % 40}",
            str(at),
            str(at + 1),
            0,
            1,
            at - 1 if at % 9 == 0 else None,
            at + 1 if at % 9 == 8 and at < count else None,
        )
        for at in range(1, count + 1)
    )
    raw.execute("PRAGMA defer_foreign_keys=ON")
    _insert(raw, "variable_change", changes)
    _insert(
        raw,
        "variable",
        ((f"gVariable{at % 40}", str(at + 1), at) for at in range(max(1, count - 25), count + 1)),
    )


def _note(dice: random.Random, number: int) -> tuple[Any, ...]:
    detail = " ".join(dice.choice(_NAMES) for _ in range(dice.randrange(3, 25)))
    if dice.random() < 0.002:
        detail *= 90
    return (
        number + 1,
        _at(number, 5),
        dice.choice(_NAMES).lower(),
        "192.0.2.1",
        "web",
        "login",
        f"{number} {detail}",
    )


def _at(minute: int, second: int = 0) -> str:
    at = _START + timedelta(minutes=minute, seconds=second, microseconds=minute % 1000)
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


def _insert(raw: Any, table: str, made: Any) -> None:
    each = iter(made)
    first = next(each, None)
    if first is None:
        return
    statement = f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(first))})'
    raw.execute(statement, first)
    raw.executemany(statement, each)
