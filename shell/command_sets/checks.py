"""What comes before a bug report, and with it: the self test, support bundles."""

from __future__ import annotations

from shell.pages.checks import self_test
from shell.pages.support import delete_bundle, make_bundle, show_bundles
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(
        ("self", "test"), "Check machine, network, PBX and store, with remedies", self_test, filtered=True
    ),
    Command(("support", "bundle"), "All that is needed to find a fault, in one file", make_bundle),
    Command(
        ("support", "delete"),
        "Delete a support bundle",
        delete_bundle,
        (Argument("NAME", help="as in show bundles"),),
        changes=True,
    ),
    Command(("show", "bundles"), "The support bundles that are kept", show_bundles),
)
