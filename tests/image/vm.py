"""A virtual machine that runs an image: one at a time, without KVM, killed by its own process at the end."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firmware import gpt
from tests import needs
from tests.sip.engine import free_port

HOST = "127.0.0.1"
SEEN_FROM_INSIDE = "10.0.2.2"
"""Where the machine finds us: in qemu's own network."""
MEMORY_MB = 1024
WITHIN = 600.0
"""An emulated processor beside other tests: some ten times slower than a real one."""
LOOK_EVERY = 0.2

OVMF = Path("/usr/share/OVMF")
CODE, VARIABLES = "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"
PROCESSOR = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16"
PASSWORD = re.compile(r"password ([a-z0-9]{4}(?:-[a-z0-9]{4})+)")


STARTED = re.compile(r"slot ([AB]) order=")
"""What the boot menu writes to the serial line."""


@dataclass
class Machine:
    """Where its ports are here. `says`: how often the boot menu's words come to the serial line, twice where
    that is UEFI's own screen, too. `began`: when it was switched on last."""

    argv: tuple[str, ...]
    folder: Path
    telnet: int
    web: int
    https: int
    sip: int
    says: int = 1
    began: float = field(default_factory=time.monotonic)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.power_on()

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    def power_on(self) -> None:
        with (self.folder / "qemu").open("ab") as said:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.began = time.monotonic()

    def power_cut(self) -> None:
        self.process.kill()
        self.process.wait()

    def console(self) -> str:
        """All that it has ever written to its serial line, without colours."""
        path = self.folder / "serial"
        text = path.read_text(errors="replace") if path.exists() else ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)

    def starts(self) -> str:
        """The slots that the boot menu has started, in their order: such as AABB."""
        return "".join(STARTED.findall(self.console())[:: self.says])

    def until_started(self, slots: str, within: float = WITHIN) -> None:
        """`slots`: as `starts` has them. Other ones fail."""
        began = time.monotonic()
        while (seen := self.starts()) != slots:
            self._running()
            assert slots.startswith(seen), f"it has started {seen}, and not {slots}: {self.console()[-3000:]}"
            assert time.monotonic() - began < within, f"it has started {seen}: {self.console()[-3000:]}"
            time.sleep(LOOK_EVERY)
        self.began = time.monotonic()

    def until_banner(self, within: float = WITHIN) -> float:
        """Seconds from power to the first text of the Telnet service."""
        while True:
            self._running()
            with contextlib.suppress(OSError), self._telnet_connection() as connection:
                if b"Callisto" in _read_some(connection):
                    return time.monotonic() - self.began
            self._before(within, "no banner on the Telnet port")
            time.sleep(LOOK_EVERY)

    def until_confirmed(self, slot: str, within: float = WITHIN) -> None:
        """Until the health check, which asks every service, has had its slot marked good."""
        while (menu := self.boot_menu()).get(f"{slot}_TRY") != "0" or menu.get(f"{slot}_OK") != "1":
            self._running()
            self._before(within, f"slot {slot} is not marked good: {menu}")
            time.sleep(LOOK_EVERY)

    def boot_menu(self) -> dict[str, str]:
        """What the boot menu remembers, read from the disk while it runs."""
        content = read_boot(self.disk, self.folder, "grubenv").decode(errors="replace")
        lines = (line.partition("=") for line in content.splitlines() if "=" in line)
        return {name: value for name, _, value in lines}

    def cpu_s(self) -> float:
        """Seconds of processor time that it has taken here: what the load of other work does not change."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def first_password(self, within: float = WITHIN) -> str:
        """As the console shows it to whoever stands there."""
        while not (found := PASSWORD.search(self.console())):
            self._running()
            self._before(within, "no password on the console")
            time.sleep(LOOK_EVERY)
        return found[1]

    def _telnet_connection(self) -> socket.socket:
        return socket.create_connection((HOST, self.telnet), timeout=6)

    def _running(self) -> None:
        assert self.process.poll() is None, (self.folder / "qemu").read_text()

    def _before(self, within: float, what: str) -> None:
        if time.monotonic() - self.began > within:
            raise AssertionError(f"{what} within {within:g} s; its console: {self.console()[-3000:]}")


@contextlib.contextmanager
def machine(
    image: Path,
    *,
    uefi: bool = False,
    virtual: bool = True,
    prepare: Callable[[Path, Path], None] | None = None,
    way_in: bool = False,
) -> Iterator[Machine]:
    """Started from a copy of `image`, which `prepare` may change; it gets a folder to work in too. Not
    `virtual`: with the disk and the network card of a real machine. `way_in`: for looking for mistakes, a
    root shell at the socket `way-in` of its folder."""
    program = needs.program("qemu-system-x86_64", "qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="callisto-vm-") as name:
        folder = Path(name)
        disk = folder / "disk"
        subprocess.run(["cp", "--sparse=always", image, disk], check=True)
        if prepare is not None:
            prepare(disk, folder)
        if way_in:
            edit_boot(disk, folder, "grub.cfg", _with_way_in)
        telnet, web, https, sip = free_port(), free_port(), free_port(), free_port()
        tcp = ((telnet, 23), (web, 80), (https, 443))
        ports = (*(f"tcp:{HOST}:{here}-:{there}" for here, there in tcp), f"udp:{HOST}:{sip}-:5060")
        disk_bus, card = ("virtio", "virtio-net-pci") if virtual else ("ide", "e1000e")
        network = ",".join(["user", f"model={card}", *(f"hostfwd={one}" for one in ports)])
        argv = [
            *(program, "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", PROCESSOR),
            *("-smp", "2", "-m", str(MEMORY_MB), "-display", "none", "-no-user-config", "-monitor", "none"),
            *("-chardev", f"file,id=serial,path={folder / 'serial'},append=on", "-serial", "chardev:serial"),
            *("-chardev", f"socket,id=way-in,path={folder / 'way-in'},server=on,wait=off"),
            *("-serial", "chardev:way-in", "-device", "virtio-rng-pci"),
            *("-drive", f"file={disk},format=raw,if={disk_bus},cache=unsafe", "-nic", network),
            *(_firmware(folder) if uefi else ()),
        ]
        one = Machine(tuple(str(word) for word in argv), folder, telnet, web, https, sip, 2 if uefi else 1)
        try:
            yield one
        finally:
            one.power_cut()


def read_boot(disk: Path, folder: Path, name: str) -> bytes:
    """A file of what the boot menu has on the disk. `folder`: to work in."""
    argv = ["mcopy", "-n", "-o", "-i", _esp(disk), f"::EFI/callisto/{name}", str(folder / name)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return (folder / name).read_bytes()


def edit_boot(disk: Path, folder: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
    """While the machine is off."""
    (folder / name).write_bytes(edit(read_boot(disk, folder, name)))
    argv = ["mcopy", "-n", "-o", "-i", _esp(disk), str(folder / name), f"::EFI/callisto/{name}"]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _esp(disk: Path) -> str:
    with disk.open("rb") as file:
        esp = gpt.read(file.read(gpt.FIRST_USABLE * gpt.SECTOR)).named("esp")
    return f"{disk}@@{esp.start}"


def _with_way_in(config: bytes) -> bytes:
    assert b" quiet" in config
    return config.replace(b" quiet", b" systemd.debug_shell=ttyS1")


def _firmware(folder: Path) -> tuple[str, ...]:
    if not (OVMF / CODE).exists():
        needs.missing("no UEFI for virtual machines: apt-get install ovmf")
    variables = folder / "uefi"
    shutil.copyfile(OVMF / VARIABLES, variables)
    code = f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF / CODE}"
    return ("-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={variables}")


def _read_some(connection: socket.socket) -> bytes:
    """What comes within some seconds, until it is enough for a banner."""
    data = b""
    with contextlib.suppress(TimeoutError):
        while b"Username" not in data and (part := connection.recv(4096)):
            data += part
    return data
