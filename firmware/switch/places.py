"""Where things are on a machine that was made from an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """`root`: of the machine's files; another one in tests."""

    root: Path = Path("/")

    @property
    def state(self) -> Path:
        """The appliance's own, of the user it runs as."""
        return self.root / "data/callisto"

    @property
    def shelf(self) -> Path:
        return self.state / "updates"

    @property
    def request(self) -> Path:
        return self.shelf / "request.json"

    @property
    def records(self) -> Path:
        """Root's; everybody may read them."""
        return self.root / "data/system/update"

    @property
    def applications(self) -> Path:
        """Root's own copies of the application bundles that run, and ran before."""
        return self.root / "data/system/applications"

    @property
    def installing(self) -> Path:
        """Root's own copy of the system bundle that is being written to a slot."""
        return self.records / "installing.raucb"

    @property
    def keyring(self) -> Path:
        return self.root / "etc/rauc/keyring.pem"

    @property
    def built_in(self) -> Path:
        """The program that the slot brings along: `venv` is in it, as in each application bundle."""
        return self.root / "opt/callisto"

    @property
    def program(self) -> Path:
        """A link to the program that the services are started from."""
        return self.root / "run/appliance/program"

    @property
    def mounts(self) -> Path:
        return self.root / "run/appliance/mounts"

    def slot_device(self, slot: str) -> Path:
        return self.root / f"dev/callisto/rootfs-{slot.lower()}"
