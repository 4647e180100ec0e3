"""What the demo plays: two groups, their phones, three calls and who is to be connected. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from db.office import Office, Team, User
from router.model import Presence, VipEntry

ASSISTANT_TIMEOUT_S = 4
VIP = "0791234567"


@dataclass(frozen=True, slots=True)
class Staged:
    """A call of the demo. `connects`: the user whose phone has to be connected in the end."""

    title: str
    dialled: str
    number: str
    name: str
    connects: str


CALLS = (
    Staged("The manager is available", "600", "0443334455", "Petra Muster", "anna"),
    Staged(
        "The manager is away; the first assistant does not answer, the second does",
        "700",
        "0313334455",
        "Paul Beispiel",
        "carla",
    ),
    Staged("A VIP calls the manager who is away", "700", VIP, "Vera Wichtig", "dora"),
)

PHONES: Mapping[str, bool] = {"anna": True, "dora": True, "berta": False, "carla": True}
"""User to whether his phone is answered."""


def office(addresses: Mapping[str, str]) -> Office:
    """The people and groups of the demo. `addresses`: user to the SIP URI of his phone."""
    anna = User("anna", "Anna Amsler", addresses["anna"], "61")
    dora = User("dora", "Dora Dubach", addresses["dora"], "71", presence=Presence.AWAY)
    berta = User("berta", "Berta Bucher", addresses["berta"], "72")
    carla = User("carla", "Carla Christen", addresses["carla"], "73")
    sales = Team("Sales", "600", "anna", ("carla",))
    board = Team(
        "Board",
        "700",
        "dora",
        ("berta", "carla"),
        assistant_timeout=ASSISTANT_TIMEOUT_S,
        vip=(VipEntry(VIP, "Vera Wichtig"),),
    )
    return Office((anna, dora, berta, carla), (sales, board))
