"""Which rows belong to which kind of what a backup has. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from db.backup.manifest import Kind

BOOKKEEPING = ("revision", "journal")
"""The store's own: never restored by kind, and made anew with a whole restore."""

KINDS: Mapping[Kind, tuple[str, ...]] = {
    "settings": ("variable_change", "variable", "trial", "backup_target"),
    "users": ("users", "user_role", "presence", "forwarding"),
    "groups": ("groups", "member", "vip_entry", "contact", "contact_number"),
    "history": ("call", "spool_position", "audit", "job_run"),
    "media": (),
}
"""Tables of each kind, those that others refer to first. `media`: files only, so far. Members of groups refer
to users: whoever restores groups alone has to leave out whom he does not have."""


def kind_of(table: str) -> Kind | None:
    """None for the store's bookkeeping, and for what no kind knows."""
    return next((kind for kind, names in KINDS.items() if table in names), None)
