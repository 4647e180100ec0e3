"""What the routing table says about a call that comes in: its group, its caller, how a phone is reached."""

from __future__ import annotations

import logging
from datetime import datetime

from router import numbers, targets, vip
from router.hunting import Call
from router.model import Group, RoutingTable
from router.ports import Identity, Target
from router.targets import Unreachable
from router.vip import Directory, VipList

log = logging.getLogger(__name__)


class Reception:
    """A routing table with its indices, built when first needed: a new table must not hold up calls."""

    def __init__(self, table: RoutingTable) -> None:
        self.table = table
        self._groups = {numbers.normalise(number): group for number, group in table.groups.items() if number}
        self._directory: Directory | None = None
        self._lists: dict[str, VipList] = {}
        self._targets: dict[str, Target | Unreachable] = {}

    def group(self, dialled: str) -> Group | None:
        """The group whose manager number was dialled."""
        return self._groups.get(numbers.normalise(dialled))

    def call(self, group: Group, caller: Identity, dialled: str, at: datetime) -> Call:
        """The call as the rules see it. A contact's name goes before the one that SIP shows."""
        number = self.shown(caller)
        compared = numbers.normalise(number)
        contact = self._contacts.find(compared)
        return Call(
            group,
            number,
            numbers.tidy(contact.name if contact else caller.name, 80),
            numbers.tidy(dialled),
            vip.judge(group, self._vip_list(group), contact, compared, at),
            _member(group, compared),
        )

    def shown(self, caller: Identity) -> str:
        """The caller's number as `gStripCallerID` leaves it."""
        return numbers.shown(caller.number, self.table.settings.strip_caller_id)

    def outgoing_identity(self, call: Call) -> Identity:
        """What a rung phone shows, by `gTransferWithCallerID`.

        0 asks for the voicemail number; until there is voicemail, it is the manager number that was dialled.
        """
        if self.table.settings.transfer_with_caller_id:
            return Identity(call.number, call.name)
        return Identity(call.dialled, call.group.name)

    def target(self, address: str) -> Target | Unreachable:
        found = self._targets.get(address)
        if found is None:
            found = targets.resolve(address, self.table.trunk, self.table.hosts)
            self._targets[address] = found
        return found

    @property
    def _contacts(self) -> Directory:
        if self._directory is None:
            self._directory = Directory.of(self.table.contacts)
        return self._directory

    def _vip_list(self, group: Group) -> VipList:
        found = self._lists.get(group.name)
        if found is None:
            found = self._lists[group.name] = VipList.of(group.vip_entries)
            for entry in found.unreadable:
                log.warning(
                    "group %s: VIP entry %r fits no number and is passed over", group.name, entry.pattern
                )
        return found


def _member(group: Group, number: str) -> str:
    """The user of the group's member whose own number this is; empty when it is nobody's."""
    if not number:
        return ""
    people = (*group.assistants, group.manager) if group.manager else group.assistants
    return next((p.user for p in people if p.number and numbers.normalise(p.number) == number), "")
