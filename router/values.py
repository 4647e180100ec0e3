"""Values on the path of a call: dataclasses that mypy holds frozen, and the interpreter does not.

To the standard library, frozen means that each field is set by way of `object.__setattr__`: for the forty
values that a plain call makes that was a tenth of all its instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen, slots=False):
        """A dataclass with the equality and the hash of a frozen one."""
        assert frozen

        def made(kind):
            return dataclass(slots=slots, unsafe_hash="__hash__" not in vars(kind))(kind)

        return made
