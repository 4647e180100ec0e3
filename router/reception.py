"""What the routing table says about a call that comes in: its group, its caller, how a phone is reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from router import media, numbers, targets, vip
from router.call import Call, House, Skip
from router.lines import Lines
from router.media import Plan
from router.model import Group, Peer, Person, RoutingTable
from router.ports import Identity, IncomingCall, Target
from router.recent import Recent
from router.targets import Unreachable
from router.vip import VipList

log = logging.getLogger(__name__)

MOST_GROUPS = 1000
MOST_TARGETS = 5000
"""Of which something is remembered: to forget all of it with the table must not take long."""

Candidates = Callable[[], Sequence[Peer]]
"""The peers in the order in which a number is tried now."""

Reachable = Callable[[str], bool | None]
"""Whether the phone at this address is registered; None when that is not known."""


class Reception:
    """A routing table with its indices, built when first needed: a new table must not hold up calls."""

    def __init__(
        self,
        table: RoutingTable,
        *,
        candidates: Candidates | None = None,
        reachable: Reachable | None = None,
    ) -> None:
        self.table = table
        self._groups = table.groups
        self._peers = {peer.name: peer for peer in table.peers}
        self._order = tuple(sorted(table.peers, key=lambda peer: peer.priority))
        self._candidates = candidates
        self._reachable = reachable
        self._lists: Recent[str, VipList] = Recent(MOST_GROUPS)
        self._members: Recent[str, tuple[tuple[str, str, str], ...]] = Recent(MOST_GROUPS)
        self._targets: Recent[tuple[str, tuple[Peer, ...]], Target | Unreachable] = Recent(MOST_TARGETS)
        self._house = House(
            own=self._groups.keys(),
            longest_forward=table.settings.max_forward_number_len,
            bridges=table.settings.bridge_transfer,
        )

    def group(self, dialled: str) -> Group | None:
        """The group whose manager number was dialled."""
        return self._groups.get(dialled) or self._groups.get(numbers.normalise(dialled))

    def call(self, group: Group, incoming: IncomingCall, at: datetime, busy: Lines | None = None) -> Call:
        """The call as the rules see it. A contact's name goes before the one that SIP shows.

        `busy`: who is in a call now.
        """
        caller = incoming.caller
        number = self.shown(caller)
        compared = numbers.normalise(number)
        contact = self.table.contacts.get(compared)
        peer = self._peers.get(incoming.peer)
        return Call(
            group,
            number,
            numbers.tidy(contact.name if contact else caller.name, 80),
            numbers.tidy(incoming.dialled),
            vip.judge(group, self._vip_list(group), contact, compared, at),
            self._member(group, compared),
            incoming.private,
            peer,
            incoming.has_offer and (peer is None or peer.early_media),
            incoming.diversions,
            self._house,
            self._unfit(group, busy),
        )

    def fail_safe(self, group: Group, incoming: IncomingCall) -> Call | None:
        """The call when its rules cannot be used: from what little is needed to ring the manager's phone."""
        manager = group.manager
        if manager is None or not (manager.address or manager.number):
            return None
        phone = Person(str(manager.user), str(manager.name), manager.address, manager.number)
        bare = Group(str(group.name), str(group.manager_number), phone, show_calls=False)
        return Call(
            bare,
            self.shown(incoming.caller),
            numbers.tidy(incoming.caller.name, 80),
            numbers.tidy(incoming.dialled),
            private=incoming.private,
            peer=self._peers.get(incoming.peer),
            house=self._house,
            is_fail_safe=True,
        )

    def shown(self, caller: Identity) -> str:
        """The caller's number as `gStripCallerID` leaves it."""
        return numbers.shown(caller.number, self.table.settings.strip_caller_id)

    def outgoing_identity(self, call: Call) -> Identity:
        """What a rung phone shows, by `gTransferWithCallerID`. The SIP side hides a private caller.

        0 asks for the voicemail number; until there is voicemail, it is the manager number that was dialled.
        """
        if self.table.settings.transfer_with_caller_id:
            return Identity(call.number, call.name)
        return Identity(call.dialled, call.group.name)

    def target(self, person: Person) -> Target | Unreachable:
        """Where his phone is. A member without an address is reached by his own number."""
        address, order = person.address or person.number, self._order
        if self._candidates is not None and len(order) > 1:
            order = tuple(self._candidates())
        found = self._targets.get((address, order))
        if found is None:
            found = self._targets.keep((address, order), targets.resolve(address, order, self.table.hosts))
        return found

    def plan(self, call: Call, target: Target, wanted: Plan | None) -> Plan:
        """Where the speech goes between the caller and this phone."""
        return media.plan(call.peer, self._peers.get(target.peer), wanted)

    def _vip_list(self, group: Group) -> VipList:
        found = self._lists.get(group.name)
        if found is None:
            found = self._lists.keep(group.name, VipList.of(group.vip_entries))
            for entry in found.unreadable:
                log.warning(
                    "group %s: VIP entry %r fits no number and is passed over", group.name, entry.pattern
                )
        return found

    def _known(self, group: Group) -> tuple[tuple[str, str, str], ...]:
        """User, own number in its compared form, and address of each member, the manager last."""
        found = self._members.get(group.name)
        if found is None:
            people = (*group.assistants, group.manager) if group.manager else group.assistants
            known = tuple([(p.user, numbers.normalise(p.number or ""), p.address) for p in people])
            found = self._members.keep(group.name, known)
        return found

    def _member(self, group: Group, number: str) -> str:
        """The user of the group's member whose own number this is; empty when it is nobody's."""
        if number:
            for user, own, _ in self._known(group):
                if own == number:
                    return user
        return ""

    def _unfit(self, group: Group, busy: Lines | None) -> Mapping[str, Skip]:
        """Members whose phones cannot take a call now; O(members), whatever else is going on."""
        unfit: dict[str, Skip] = {}
        if group.need_idle and busy:
            for user, number, _ in self._known(group):
                if user in busy or (number and number in busy):
                    unfit[user] = Skip.IN_CALL
        if group.need_registered and self._reachable is not None:
            for user, _, address in self._known(group):
                if address and self._reachable(address) is False:
                    unfit[user] = Skip.NOT_REGISTERED
        return unfit
