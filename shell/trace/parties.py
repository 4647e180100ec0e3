"""Who is who in the SIP messages of a call: far ends named from what was said to them and by them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shell.trace.glance import Glance, user_of
from shell.trace.record import Sip

OURS = "Callisto"
MEDIA = "media server"
_CONFERENCE = "conf="
"""Of RFC 4240: how the router addresses a place in the media server."""


@dataclass(slots=True, eq=False)
class Party:
    """A far end. `names`: of its legs, in the order they were seen."""

    address: str
    is_caller: bool = False
    names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called; where it stands for several, its address is its name."""
        if len(self.names) == 1:
            return self.names[0]
        return self.host if self.names else self.address

    @property
    def host(self) -> str:
        return host_of(self.address)

    @property
    def is_media(self) -> bool:
        return self.names == [MEDIA]


def host_of(address: str) -> str:
    return address.rpartition(":")[0] or address


class Parties:
    """The far ends of some messages, told one by one in their order."""

    def __init__(self, messages: Iterable[tuple[Sip, Glance]]) -> None:
        self.known: dict[str, Party] = {}
        self._of_leg: dict[tuple[str, str], Party] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._messages = [self._place(sip, seen) for sip, seen in messages]

    def of(self, index: int) -> Party:
        """Of the message with this place in their order."""
        return self._messages[index]

    def leg_name(self, sip: Sip, party: Party) -> str:
        """What a leg of the party is called, empty if nothing is known of it."""
        return self._named.get((party.address, sip.call_id), "")

    def in_order(self) -> list[Party]:
        """The caller first, the media server last, else as they were seen."""
        return sorted(
            dict.fromkeys(self.known.values()), key=lambda party: (not party.is_caller, party.is_media)
        )

    def _place(self, sip: Sip, seen: Glance) -> Party:
        party = self.known.get(sip.remote)
        leg = sip.call_id, host_of(sip.remote)
        if party is None and (sip.way == "in" or not seen.is_request):
            # Whoever sends from another port than he listens on is still the same.
            party = self._of_leg.get(leg)
        if party is None:
            party = Party(sip.remote)
        self.known[sip.remote] = party
        self._of_leg.setdefault(leg, party)
        if sip.way == "in" and seen.begins_a_call and not self._has_caller():
            party.is_caller = True
        self._name(sip, seen, party)
        return party

    def _has_caller(self) -> bool:
        return any(party.is_caller for party in self.known.values())

    def _name(self, sip: Sip, seen: Glance, party: Party) -> None:
        if (party.address, sip.call_id) in self._named:
            return
        name = _name(sip, seen)
        if name:
            self._named[party.address, sip.call_id] = name
            if name not in party.names:
                party.names.append(name)


def _name(sip: Sip, seen: Glance) -> str:
    # Requests name the far end in From when they come in; their responses repeat From and To.
    if (sip.way == "in") is seen.is_request:
        return user_of(seen.headers.get("from", ""))
    asked = seen.uri if seen.is_request else seen.headers.get("to", "")
    if user_of(asked).startswith(_CONFERENCE):
        return MEDIA
    return seen.user("to")
