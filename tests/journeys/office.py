"""The office of the journeys: for each kind of phone a group that leads to it."""

from __future__ import annotations

from collections.abc import Mapping

from db.office import Office, Team, User
from router.model import Presence

AVAILABLE, AWAY, BY_HAND, OUTSIDE = "600", "700", "800", "900"
"""Manager numbers: of one who answers, of one who is away (his assistant answers), of one whose phone does
what the test says, of one who is reached by a number of the PBX."""
NUMBER_OUTSIDE = "0312223344"
UNKNOWN = "999"
PHONES = ("anna", "dora", "berta")


def office(addresses: Mapping[str, str]) -> Office:
    """`addresses`: SIP URI of the phone of each of PHONES, and of hans."""
    return Office(
        users=(
            User("anna", "Anna Amsler", addresses["anna"], "61"),
            User("dora", "Dora Dubach", addresses["dora"], "71", presence=Presence.AWAY),
            User("berta", "Berta Bucher", addresses["berta"], "72"),
            User("hans", "Hans Hand", addresses["hans"], "81"),
            User("nora", "Nora Naef", NUMBER_OUTSIDE, "91"),
        ),
        groups=(
            Team("Sales", AVAILABLE, "anna"),
            Team("Board", AWAY, "dora", ("berta",), assistant_timeout=5),
            Team("By hand", BY_HAND, "hans"),
            Team("Outside", OUTSIDE, "nora"),
        ),
    )
