"""An office file, checked whole: every mistake is named before anything is changed."""

from __future__ import annotations

from pathlib import Path

from db.errors import RefusedError, StoreError
from db.office import Office
from db.transfer.directory import read_contacts, read_variables
from db.transfer.document import LONGEST, DocumentError, Problem, compose
from db.transfer.fields import Problems, Section, Value
from db.transfer.groups import read_groups
from db.transfer.people import check_forwards, read_users
from db.variables.catalogue import find
from db.variables.values import Context

FORMAT = 1
"""Of the file. A later one would not be understood."""

MOST_SHOWN = 20


class OfficeError(RefusedError):
    """`problems`: all of them, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        shown = [str(problem) for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            shown.append(f"and {len(problems) - MOST_SHOWN} more")
        super().__init__(
            "\n".join(shown), hint="nothing has been changed; correct the file and import it again"
        )
        self.problems = problems


def load(
    text: str, *, edition: str = "ucm", ram_mb: int = 1 << 20, present: Office | None = None
) -> Office:  # fmt: skip
    """The office in `text`. Raises OfficeError with every problem in it.

    `edition`, `ram_mb`: of the machine it is for. `present`: the office as it is now; what is set there
    already is not measured again against what may have changed since (the edition, the memory,
    gMaxForwardNumberLen): an export can always be imported where it comes from.
    """
    problems = Problems()
    try:
        root = compose(text)
    except DocumentError as exc:
        raise OfficeError((exc.problem,)) from exc
    if root is None:
        raise OfficeError((Problem(1, "", "the file is empty; expected users, groups, contacts, variables"),))
    office = _read(Value(root, "", problems).section(), edition, ram_mb, present)
    if problems.found:
        once = dict.fromkeys(problems.found)
        raise OfficeError(tuple(sorted(once, key=lambda problem: problem.line)))
    return office


def load_file(
    path: Path, *, edition: str = "ucm", ram_mb: int = 1 << 20, present: Office | None = None
) -> Office:  # fmt: skip
    """As `load`, of a UTF-8 file. Raises OfficeError; StoreError when it cannot be read at all."""
    try:
        with path.open("rb") as file:
            # No character takes more than four bytes.
            content = file.read(4 * LONGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise StoreError(f"{path} cannot be read: {exc.strerror}", hint="give the file of an office") from exc
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        problem = Problem(line, "", "this is not text in UTF-8")
        raise OfficeError((problem,)) from exc
    return load(text, edition=edition, ram_mb=ram_mb, present=present)


def _read(root: Section, edition: str, ram_mb: int, present: Office | None) -> Office:
    version = root.whole("format", 1, 10**6, FORMAT)
    if version > FORMAT:
        root.value.wrong(f"format {version} is of a newer version; this one knows {FORMAT}")
    # Whoever leaves a part out would lose it: an import replaces everything.
    parts = {name: root.get(name, required=True) for name in ("users", "groups", "contacts", "variables")}
    users = read_users(parts["users"])
    numbers = frozenset(user.number for user in users if user.number)
    context = Context(edition, ram_mb, numbers.__contains__)
    variables = read_variables(parts["variables"], context, present)
    variable = find("gMaxForwardNumberLen")
    longest = int(variables.get(variable.name, variable.default))
    groups = read_groups(parts["groups"], users, longest, present)
    check_forwards(parts["users"], users, groups, longest, present)
    contacts = read_contacts(parts["contacts"])
    root.finish()
    return Office(users, groups, contacts, variables).in_order()
