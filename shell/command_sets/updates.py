"""Updates of the image."""

from __future__ import annotations

from shell.pages import targets, update_steps, updates
from shell.pages.update_steps import AT, DOWNGRADE, FORCE
from shell.registry import Argument, Command

_U = ("update",)
_NAME = Argument("NAME", help="of an update, as in update list", source=updates.names)
_FORCE = Argument(FORCE, optional=True, help="without asking", words=(FORCE,))

COMMANDS: tuple[Command, ...] = (
    Command(("show", "updates"), "The updates on this machine, and what each will do", updates.show_updates),
    Command((*_U, "list"), "The same as show updates", updates.show_updates, filtered=True),
    Command((*_U, "show"), "One update: what it is, and what it will do", updates.show_one, (_NAME,),
            filtered=True),
    Command((*_U, "install"), "Install an update, now or at a time; says first what it will do and asks",
            update_steps.install,
            (_NAME, Argument(f"{AT} TIME, {DOWNGRADE}", optional=True, repeats=True,
                             help="when, HH:MM or YYYY-MM-DD HH:MM; an older version than the one that runs",
                             words=(AT, DOWNGRADE, FORCE))), changes=True),
    Command((*_U, "cancel"), "Do not install what is planned", update_steps.cancel, changes=True),
    Command((*_U, "delete"), "Delete an update that is not in use", update_steps.delete,
            (_NAME, _FORCE), changes=True),
    Command((*_U, "back"), "Back to the version before; calls end", update_steps.back, (_FORCE,),
            changes=True),
    Command((*_U, "reboot"), "Start the machine anew, into an update that is installed; calls end",
            update_steps.reboot, (_FORCE,), changes=True),
    Command((*_U, "status"), "How far an update is, or what came of it", update_steps.status, filtered=True),
    Command((*_U, "history"), "Former updates, and what came of them", updates.show_history, filtered=True),
    Command((*_U, "seen"), "Tell the outcome of the last update no more", update_steps.seen, changes=True),
    Command((*_U, "fetch"), "Get an update from a target of backups, and verify it", update_steps.fetch,
            (Argument("TARGET NAME", help="a target, and the update's name on it", source=targets.names),),
            changes=True),
)  # fmt: skip
