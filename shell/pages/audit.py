"""The audit trail: who came, what he did."""

from __future__ import annotations

from db.variables.states import Actor
from shell.layout import Cell, moment, table
from shell.registry import Context
from shell.reply import Reply

LINES = 50
HEADING = ("When", "User", "From", "Action", "Detail")


async def show_audit(context: Context, _arguments: tuple[str, ...]) -> Reply:
    notes = await context.services.audit.latest(LINES)
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = [
        (
            moment(note.at, zone),
            note.actor.user or "-",
            _host(note.actor),
            note.action,
            note.detail,
        )
        for note in notes
    ]
    data = [
        {
            "at": note.at.isoformat(),
            "user": note.actor.user,
            "channel": note.actor.channel,
            "address": note.actor.address,
            "action": note.action,
            "detail": note.detail,
        }
        for note in notes
    ]
    return Reply(table(rows, context.table_width, heading=HEADING, most=16), data)


def _host(actor: Actor) -> str:
    """Without the port, which only JSON has; the channel for those who came from nowhere."""
    return actor.address.rpartition(":")[0] or actor.address or actor.channel
