"""The updates on this machine: what each would do, and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from appliance.errands import Errands
from appliance.updating import words
from appliance.updating.root_side import RootSide
from appliance.updating.shelf import Found, Shelf
from appliance.updating.standing import schema_of, standings
from db.errors import StoreError
from firmware.update.bundle import BundleError
from firmware.update.judging import Running, judged
from shell.update_ports import Standing, Update, UpdateRefusedError

NO_IMAGE = (
    "this is no image: nothing can be installed or rebooted from here",
    "update it as it was installed",
)


class Stock:
    """Whatever is asked raises UpdateRefusedError where it may not be. `running`: what they are judged by.
    `facts`: for the status, as known last. Inside a running loop."""

    def __init__(
        self, shelf: Shelf, machine: RootSide, looking: Errands, running: Callable[[], Running]
    ) -> None:
        self._shelf = shelf
        self._machine = machine
        self._looking = looking
        self._running = running
        self.facts: Mapping[str, object] = {}

    async def listed(self) -> Sequence[Update]:
        running = self._running()
        found, stands = await self._looking.do(self._seen)
        shown = words.listing(found, running, stands)
        self.facts = _facts(shown, running)
        return shown

    async def look_again(self) -> None:
        """For the status."""
        with suppress(StoreError, OSError):
            await self.listed()

    def shown(self, found: Found) -> Update:
        """One that has just come."""
        return words.update_of(found, self._running(), None)

    async def schema_before(self) -> str | None:
        """The newest schema of the store that what ran before reads; None where nobody knows."""
        found = await self._looking.do(self._shelf.listed)
        return schema_of(await self._looking.do(self._machine.before), found)

    def may_come(self, name: str) -> None:
        try:
            self._shelf.part(name)
        except (BundleError, OSError) as exc:
            raise UpdateRefusedError(str(exc), getattr(exc, "hint", "") or "give another name") from exc

    async def may_be_installed(self, name: str, *, downgrade: bool) -> None:
        found = await self._looking.do(self._shelf.get, name)
        if found is None:
            raise UpdateRefusedError(f"there is no update {name[:60]!r}", "update list shows what there is")
        if found.sheet is None:
            raise UpdateRefusedError(found.problem, found.hint)
        self.may_be_changed()
        verdict = judged(found.sheet, self._running())
        if not verdict.allows(downgrade=downgrade):
            raise UpdateRefusedError(verdict.reason, words.hint_of(name, verdict))

    def may_be_changed(self) -> None:
        """What runs."""
        if not self._running().slot:
            raise UpdateRefusedError(*NO_IMAGE)

    async def may_go_back(self) -> None:
        self.may_be_changed()
        current, _ = await self._looking.do(self._machine.applications)
        systems = await self._looking.do(self._machine.systems)
        if not current and (systems.waits or not systems.other):
            raise UpdateRefusedError("there is no version to go back to", "update list shows what there is")

    async def may_be_deleted(self, name: str) -> None:
        found, stands = await self._looking.do(self._seen)
        if name not in {each.name for each in found}:
            raise UpdateRefusedError(f"there is no update {name[:60]!r}", "update list shows what there is")
        if name in stands:
            raise UpdateRefusedError(f"{name} is {stands[name]}", "it stays until another one is installed")

    async def delete(self, name: str) -> None:
        try:
            await self._looking.do(self._shelf.delete, name)
        except OSError as exc:
            raise UpdateRefusedError(f"{name} cannot be deleted: {exc.strerror}", "look at the disk") from exc

    async def tidy(self) -> None:
        """After a start: what did not come in wholly goes."""
        with suppress(OSError):
            await self._looking.do(self._shelf.tidy)

    def _seen(self) -> tuple[Sequence[Found], dict[str, Standing]]:
        found = self._shelf.listed()
        return found, standings(found, self._machine.applications(), self._machine.systems())


def _facts(shown: Sequence[Update], running: Running) -> dict[str, object]:
    return {
        "version": running.version,
        "slot": running.slot,
        "application": running.application,
        "base": running.base,
        "bundles": [
            {"name": each.name, "kind": each.kind, "version": each.version, "state": each.state}
            for each in shown[:50]
        ],
    }
