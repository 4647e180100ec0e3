"""The numbers of the menu, which change whenever an entry comes."""

from __future__ import annotations

from shell.menu import ENTRIES


def number_of(title: str) -> str:
    """What opens the entry with that title."""
    titles = [entry.title for entry in ENTRIES]
    return str((titles.index(title) + 1) % len(titles))
