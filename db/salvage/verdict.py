"""Which rows are sure. A row that something speaks against is doubtful unless an index names it as it is."""

from __future__ import annotations

from db.salvage.leaves import Leaves, Origin
from db.salvage.ledger import DOUBTFUL, GONE, Claim, Ledger
from db.salvage.shapes import Schema
from db.salvage.survey import Survey


def decide(survey: Survey, ledger: Ledger, schema: Schema, leaves: Leaves) -> None:
    """Set every row's verdict in the ledger."""
    owners = dict(survey.index_owners())
    ledger.assign(owners.items(), survey.complete_indexes(owners))
    whole = [sum(index.whole for index in shape.indexes) for shape in schema.shapes]
    doubted = [(claim.id, DOUBTFUL) for claim in ledger.claims() if not _sure(claim, whole[claim.table])]
    ledger.judge(doubted)
    for rivals in ledger.rivals():
        ledger.judge(_settle(rivals, leaves))
    ledger.forget_beaten()


def _sure(claim: Claim, whole: int) -> bool:
    if claim.no:
        return False
    confirmed = whole > 0 and claim.yes == whole
    match claim.origin:
        case Origin.SOUND:
            return not claim.absent
        case Origin.EDGE | Origin.SUSPECT:
            return False
        case _:
            return confirmed


def _settle(rivals: list[Claim], leaves: Leaves) -> list[tuple[int, int]]:
    """One of several rows for one place: the one that was found best and is named most, if it is alone in
    that or the others are the same; else all are doubtful."""
    if len(rivals) < 2:
        return []
    order = sorted(rivals, key=lambda each: (each.origin, -each.yes))
    first, second = order[:2]
    if (first.origin, first.yes) != (second.origin, second.yes):
        return [(each.id, GONE if each.rowid == first.rowid else DOUBTFUL) for each in order[1:]]
    tied = [each for each in order if (each.origin, each.yes) == (first.origin, first.yes)]
    same = len({leaves.row(each.page, each.at) for each in tied}) == 1
    if same:
        return [(each.id, GONE) for each in order[1:]]
    return [(each.id, DOUBTFUL) for each in order]
