"""Where a damaged store says that it is in its journal."""

from __future__ import annotations

from pathlib import Path

from db.journal.format import Place
from db.salvage.format import FormatError, Kind, page_head
from db.salvage.leaves import Leaves
from db.salvage.pages import Pages
from db.salvage.shapes import Schema

OWN = "journal"


def said_place(path: Path, log: Path | None, schema: Schema) -> Place | None:
    """None when no page says it any more. Raises OSError."""
    found: list[Place] = []
    with Pages(path, log) as pages:
        leaves = Leaves(pages, schema)
        for number in range(1, pages.count + 1):
            data = pages.read(number) or b""
            try:
                head = page_head(data, 0, pages.usable)
            except (FormatError, IndexError):
                continue
            if head.kind is not Kind.TABLE_LEAF or len(head.cells) != 1:
                continue
            leaf = leaves.table(number, data, head)
            if leaf.owner is not None and schema.shapes[leaf.owner].name == OWN and not leaf.wrong:
                found += [Place(*map(int, map(str, each.row[1:]))) for each in leaf.found]
    return max(found, key=lambda each: (each.generation, each.seq), default=None)
