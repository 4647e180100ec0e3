"""A program `busctl` with a timedated behind it, in a folder of its own: no bus and no clock is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROGRAM = """#!{python} -IS
import json, pathlib, sys, time
file = pathlib.Path(__file__).with_name("machine.json")
machine = json.loads(file.read_text())
system, form, verb, service, path, interface, *rest = sys.argv[1:]
assert (system, form) == ("--system", "--json=short"), sys.argv
machine["calls"].append(sys.argv[3:])
file.write_text(json.dumps(machine))
while machine["hangs"]:
    time.sleep(0.05)
if machine["says"] is not None:
    print(machine["says"])
    sys.exit(0)

def fail(text):
    print("Call failed: " + text, file=sys.stderr)
    sys.exit(1)

if machine["denies"]:
    fail("Interactive authentication required.")
if verb == "get-property":
    for name in rest:
        value = machine["properties"][name]
        print(json.dumps(dict(type="b" if isinstance(value, bool) else "s", data=value)))
elif (rest[0], rest[1]) == ("SetTime", "xbb"):
    if machine["properties"]["NTP"]:
        fail("Automatic time synchronization is enabled")
elif (rest[0], rest[1]) == ("SetTimezone", "sb"):
    machine["properties"]["Timezone"] = rest[2]
elif (rest[0], rest[1]) == ("SetNTP", "bb"):
    machine["properties"]["NTP"] = machine["properties"]["NTPSynchronized"] = rest[2] == "true"
elif (rest[0], rest[1]) != ("TryRestartUnit", "ss"):
    fail("Unknown method " + " ".join(rest[:2]))
file.write_text(json.dumps(machine))
"""


class FakeBusctl:
    """`env` is for `Busctl`: only this program is on its PATH."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "machine.json"
        self._file.write_text(
            json.dumps(
                {
                    "calls": [],
                    "hangs": False,
                    "denies": False,
                    "says": None,
                    "properties": {
                        "Timezone": "Europe/Zurich",
                        "NTP": False,
                        "NTPSynchronized": False,
                        "CanNTP": True,
                        "ServerName": "ntp.example",
                    },
                }
            )
        )
        program = folder / "busctl"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        self.env = {"PATH": str(folder)}

    def now(self, **changed: Any) -> None:
        """Change how it behaves: hangs, denies, says."""
        self._file.write_text(json.dumps({**self._read(), **changed}))

    def property(self, name: str, value: object) -> None:
        machine = self._read()
        machine["properties"][name] = value
        self._file.write_text(json.dumps(machine))

    def calls(self, method: str) -> list[list[str]]:
        """The arguments of each call of that method, its signature included."""
        found = [call[4:] for call in self._read()["calls"] if call[0] == "call"]
        return [call[1:] for call in found if call[0] == method]

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file.read_text())
        return found
