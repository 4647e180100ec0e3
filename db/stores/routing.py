"""The rows of an office as the table calls are routed by."""

from __future__ import annotations

from db.office import Office, Team
from router.model import Group, Overflow, Person, RoutingTable, Settings
from router.numbers import normalise
from router.vip import Directory


def routing_table(
    office: Office, values: dict[str, str], revision: int, announcements: str = ""
) -> RoutingTable:
    """`values`: the system variables as they count. Peers and the addresses of hosts are not in the store.

    `announcements`: the folder of the WAV files that the groups name.
    """
    people = {
        user.user: Person(
            user.user, user.name, user.address, user.number, user.presence, user.message, user.forwards
        )
        for user in office.users
    }
    return RoutingTable(
        revision=revision,
        groups={
            normalise(team.manager_number): _group(team, people, announcements)
            for team in office.groups
            if team.manager_number
        },
        contacts=Directory.of(office.contacts).by_number,
        settings=Settings(
            strip_caller_id=int(values["gStripCallerID"]),
            transfer_with_caller_id=values["gTransferWithCallerID"] == "1",
            bridge_transfer=values["gBridgeTransfer"] == "1",
            max_forward_number_len=int(values["gMaxForwardNumberLen"]),
        ),
    )


def _group(team: Team, people: dict[str, Person], announcements: str) -> Group:
    return Group(
        name=team.name,
        manager_number=team.manager_number,
        manager=people[team.manager] if team.manager else None,
        assistants=tuple(people[user] for user in team.members),
        ring_parallel=team.ring_parallel,
        manager_timeout=team.manager_timeout,
        assistant_timeout=team.assistant_timeout,
        overflow=Overflow(team.overflow.kind, team.overflow.target),
        show_calls=team.show_calls,
        show_vip_calls=team.show_vip_calls,
        vip_routing=team.vip_routing,
        vip_threshold=team.vip_threshold,
        assistant_direct=team.assistant_direct,
        strategy=team.strategy,
        vip_entries=team.vip,
        announcement=f"{announcements}/{team.announcement}" if team.announcement else "",
        need_registered=team.need_registered,
        need_idle=team.need_idle,
        need_unforwarded=team.need_unforwarded,
    )
