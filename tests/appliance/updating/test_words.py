"""What is said of updates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from appliance.updating.words import ended, lost_by_back
from db.stepping_back import Before
from shell.update_ports import Outcome, UpdateState

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
KEPT = Before("0005", AT)


def test_whoever_goes_back_over_a_migration_is_told_what_of_the_store_he_loses() -> None:
    (said,) = lost_by_back(KEPT, "0006", "0005")
    when = f"{AT.astimezone():%Y-%m-%d %H:%M}"
    assert said.startswith(f"The store is again as it was on {when}, with schema 0005.")
    assert "kept in a file beside it" in said
    (unsure,) = lost_by_back(KEPT, "0006", None)
    assert unsure.startswith("Unless what ran before reads schema 0006: the store is again")


@pytest.mark.parametrize(("kept", "known"), [(None, "0005"), (KEPT, "0004")])
def test_that_no_store_is_kept_which_the_version_before_reads_is_told(
    kept: Before | None, known: str
) -> None:
    (said,) = lost_by_back(kept, "0006", known)
    assert said.startswith(f"What ran before reads a store up to schema {known}, and this one has 0006")
    assert "It does not run then." in said


@pytest.mark.parametrize(("kept", "known"), [(None, None), (KEPT, "0006"), (KEPT, "0007")])
def test_nothing_is_lost_where_the_version_before_reads_the_store(
    kept: Before | None, known: str | None
) -> None:
    assert lost_by_back(kept, "0006", known) == ()


@pytest.mark.parametrize(
    ("what", "hint"), [("refused", "nothing has changed"), ("failed", "what runs has not changed")]
)
def test_nothing_has_changed_only_where_that_is_so(what: str, hint: str) -> None:
    outcome = Outcome(AT, "system", "1.0.0", "", False, what, "slot B reads back differently", "anna")
    said = ended(UpdateState(1, "install", "callisto-1.1.0.raucb", "anna", AT), outcome)
    assert (said.failed, said.result, said.hint) == (True, "slot B reads back differently", hint)
