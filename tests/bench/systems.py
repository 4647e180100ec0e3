"""The systems that are measured: each takes calls on a loopback port and gives them to one phone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from appliance.demo.local import free_port

LOCK = Path(__file__).parents[2] / "requirements" / "bench.txt"


class AbsentError(Exception):
    """This system cannot be measured here; the text says why and how to get it."""


class System(Protocol):
    name: str
    version: str
    port: int
    """Where the calls go."""
    number: str
    """What the callers dial."""
    pid: int | None
    """The root of the process tree whose CPU time counts; None: there is none."""
    router_pid: int | None

    def start(self) -> None:
        """Raise AbsentError when it cannot be had here."""

    def stop(self) -> None: ...


class Direct:
    """No system at all: the caller calls the phone. What is left is the cost of the harness itself."""

    name = "no system between"
    version = ""
    number = "phone"
    pid = None
    router_pid = None

    def __init__(self, phone_port: int) -> None:
        self.port = phone_port

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""


class _Process:
    """A peer that is one command in the foreground."""

    number = "phone"
    router_pid = None

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.pid: int | None = None
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def _run(self, command: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=output, stderr=output)
        self.pid = self._process.pid
        deadline = time.monotonic() + 15
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AbsentError(f"did not start:\n{(self._folder / 'output.log').read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()


class Kamailio(_Process):
    """A stateful proxy with two children: what routing costs in C, without a call of its own to keep."""

    name = "Kamailio"
    version = ""

    def __init__(self, folder: Path, phone_port: int) -> None:
        super().__init__(folder)
        self._phone_port = phone_port

    def start(self) -> None:
        program = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")
        if program is None:
            raise AbsentError("not installed (apt-get install kamailio)")
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
        self.version = (re.search(r"kamailio (\S+)", told) or [told, "of unknown version"])[1]
        self._folder.mkdir(parents=True)
        template = (Path(__file__).parent / "kamailio.cfg").read_text()
        config = self._folder / "kamailio.cfg"
        for key, port in (("@PORT@", self.port), ("@PHONE@", self._phone_port)):
            template = template.replace(key, str(port))
        config.write_text(template)
        # -DD: stay in the foreground; -E: log to stderr; megabytes of shared and of private memory.
        options = ("-DD", "-E", "-m", "64", "-M", "8", "-Y", str(self._folder))
        self._run((program, "-f", str(config), *options, "-P", str(self._folder / "pid")))


class Sippy(_Process):
    """A back-to-back user agent in Python: the nearest relative of ours."""

    name = "sippy b2bua_simple"
    version = ""

    def __init__(self, folder: Path, phone_port: int) -> None:
        super().__init__(folder)
        self._phone_port = phone_port

    def start(self) -> None:
        environment = _sippy_environment()
        self.version = (re.search(r"^sippy==(\S+)", LOCK.read_text(), re.MULTILINE) or ["", ""])[1]
        program = environment / "bin" / "b2bua_simple"
        where = ("-l", "127.0.0.1", "-p", str(self.port), "-n", f"127.0.0.1:{self._phone_port}")
        self._run((str(environment / "bin" / "python"), str(program), "-f", *where))


class Asterisk(_Process):
    """A PBX in C whose bridge of two channels is what our calls are; with direct media, as ours."""

    name = "Asterisk"
    version = ""

    def __init__(self, folder: Path, phone_port: int) -> None:
        super().__init__(folder)
        self._phone_port = phone_port

    def start(self) -> None:
        program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin")
        if program is None:
            raise AbsentError("not installed")
        told = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout
        self.version = told.partition(" ")[2].strip()
        for kind in ("etc", "lib", "run", "log"):
            (self._folder / kind).mkdir(parents=True)
        template = (Path(__file__).parent / "asterisk.conf").read_text()
        for key, value in (
            ("@FOLDER@", self._folder),
            ("@PORT@", self.port),
            ("@PHONE@", self._phone_port),
            ("@MODULES@", _asterisk_modules()),
        ):
            template = template.replace(key, str(value))
        for file in template.split("==== ")[1:]:
            name, _, text = file.partition("\n")
            (self._folder / "etc" / name.strip()).write_text(text)
        # -f: stay in the foreground
        self._run((program, "-f", "-C", str(self._folder / "etc" / "asterisk.conf")))


def _asterisk_modules() -> Path:
    """Where Debian, or an installation from source, has them."""
    places = (*Path("/usr/lib").glob("*/asterisk/modules"), Path("/usr/lib/asterisk/modules"))
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise AbsentError("its modules were not found below /usr/lib")
    return found


def _listens(port: int) -> bool:
    """Whether a UDP socket is bound to the port: column 2 of /proc/net/udp is address:port in hex."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


def _sippy_environment() -> Path:
    """An environment with what the lock file names and nothing else, made once, outside the checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = cache / "callisto" / f"bench-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}-{version}"
    if (folder / "bin" / "b2bua_simple").exists():
        return folder
    print(f"installing sippy into {folder}", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    pip = (
        str(folder / "bin" / "python"),
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    )
    try:
        subprocess.run((*pip, "--require-hashes", "-r", str(LOCK)), check=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
        raise AbsentError(f"pip could not install what {LOCK} names: {exc}") from exc
    return folder
