"""Our program as a folder: an environment of Python without pip, and everything in it that wheels bring."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from firmware.build.recipe import PYTHON
from firmware.build.running import run

FOLDER = "venv"
PLACE = "opt/callisto"
"""Where it is in a slot."""
HOME = f"{PLACE}/{FOLDER}"
LIBRARIES = f"lib/python{PYTHON}/site-packages"
PACKAGES = f"{HOME}/{LIBRARIES}"
LEAN = ("-X", "no_debug_ranges")
"""For Python, where it compiles: without the columns of tracebacks modules load in less time and memory."""
COMPILED = ("-q", "--invalidation-mode", "unchecked-hash")
"""By what is in a module and not by its time: the slot gives all files one time."""

START = """\
#!/bin/sh
# The program beside it, wherever that is: in the slot, or in an update that runs from its bundle.
here=$(readlink -f -- "$0")
exec "${here%/*}/python" -P -m appliance "$@"
"""


def installed(home: Path, wheels: Path) -> None:
    """Make `home` of all that is in the folder `wheels`; no module is compiled. Raises BuildError."""
    packages = home / LIBRARIES
    packages.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(f"/usr/bin/python{PYTHON}")
    (home / "bin/python3").symlink_to("python")
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    names = sorted(wheel.name.split("-", 1)[0].replace("_", "-") for wheel in wheels.glob("*.whl"))
    argv: list[str | Path]
    argv = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheels]
    argv += ["--no-deps", "--no-compile", "--no-warn-script-location", "--root-user-action=ignore"]
    argv += ["--implementation", "cp", "--python-version", PYTHON, "--only-binary", ":all:"]
    tags = {tag for wheel in wheels.glob("*.whl") for tag in wheel.stem.split("-")[-1].split(".")}
    argv += [word for tag in sorted(tags) if tag != "any" for word in ("--platform", tag)]
    abis = {tag for wheel in wheels.glob("*.whl") for tag in wheel.stem.split("-")[-2].split(".")}
    argv += [word for tag in sorted(abis) for word in ("--abi", tag)]
    # Where this machine's pip looks otherwise is not asked.
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run([*argv, "--target", packages, *names], env=quiet)
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for extension in packages.glob("*/tests"):
        shutil.rmtree(extension)
    start = home / "bin/callisto"
    start.write_text(START)
    start.chmod(0o755)


def compiled(folder: Path, place: str) -> None:
    """Every module below `folder`, by this Python, as if it were in `place`."""
    run([sys.executable, "-P", *LEAN, "-m", "compileall", *COMPILED, "-s", folder, "-p", place, folder])
