"""The contacts and the system variables of an office file."""

from __future__ import annotations

from db.errors import InvalidValueError, NotInEditionError
from db.office import Office
from db.transfer.fields import Value, nearest
from db.transfer.groups import MOST_RANK
from db.transfer.people import number
from db.variables.catalogue import CATALOGUE, LONGEST_TEXT
from db.variables.values import Context, UserNumber, brief
from router.model import Contact


def read_contacts(contacts: Value | None) -> tuple[Contact, ...]:
    read: list[Contact] = []
    for value in () if contacts is None else contacts.items():
        section = value.section()
        name = section.get("name", required=True)
        items = section.items("numbers")
        numbers = tuple(filter(None, (number(each) for each in items)))
        if not items:
            value.wrong("a contact needs numbers, such as numbers: ['+41441234567']")
        if len(set(numbers)) < len(numbers):
            value.wrong("a number is there twice")
        rank = section.whole("rank", 0, MOST_RANK, 0)
        section.finish()
        read.append(Contact(name.text(100) if name else "", numbers, rank))
    return tuple(read)


def read_variables(variables: Value | None, context: Context, present: Office | None) -> dict[str, str]:
    """Those that are set, by name, in stored form. `context.user_exists` knows the users of the file.

    A value that `present` has already is taken as it is, but for a reference to a user.
    """
    known = {variable.name.lower(): variable for variable in CATALOGUE}
    read: dict[str, str] = {}
    for name, value in () if variables is None else variables.section().entries():
        variable = known.get(name.lower())
        if variable is None:
            close = nearest(name, (each.name for each in CATALOGUE))
            meant = f"; did you mean {close}?" if close else ""
            value.wrong(f"there is no system variable {brief(name)}{meant}")
            continue
        if variable.name in read:
            value.wrong(f"{variable.name} is there twice")
        text = value.text(LONGEST_TEXT)
        if present is not None and present.variables.get(variable.name) == text:
            read[variable.name] = text
            if not isinstance(variable.values, UserNumber):
                continue
        try:
            read[variable.name] = variable.parse(text, context)
        except InvalidValueError as exc:
            value.wrong(f"{exc.problem}; right is {exc.expected}")
        except NotInEditionError as exc:
            value.wrong(f"{exc.message}; leave the line out")
    return read
