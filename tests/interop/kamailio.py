"""Kamailio as the PBX in front: registrar and stateful proxy, on an address of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import needs

HOST = "127.0.0.2"
"""Not where phones are, so that the router can tell them apart."""
USER, PASSWORD, REALM = "callisto", "secret", "kamailio.test"


@dataclass(frozen=True, slots=True)
class Kamailio:
    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def account(self, user: str) -> str:
        """The account of a phone that registers here."""
        return f"<sip:{user}@{self.address};transport=udp>;regint=60"


@contextlib.contextmanager
def kamailio(folder: Path, port: int, router: int) -> Iterator[Kamailio]:
    """One that answers; ended by its pid, its children with it. `router`: the port of ours."""
    program = needs.program("kamailio")
    home = folder / "kamailio"
    home.mkdir()
    ha1 = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
    text = (Path(__file__).parent / "kamailio.cfg").read_text()
    for name, value in {"HOST": HOST, "PORT": port, "ROUTER": router, "REALM": REALM, "HA1": ha1}.items():
        text = text.replace(f"@{name}@", str(value))
    (home / "kamailio.cfg").write_text(text)
    options = ("-DD", "-E", "-m", "32", "-M", "8", "-Y", str(home), "-P", str(home / "pid"))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-f", str(home / "kamailio.cfg"), *options],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_it_answers(port, process, home / "log")
        yield Kamailio(port, home)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it keeps nothing, and ends slowly when it is asked
        process.wait()


def _until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 15
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        probe.settimeout(0.2)
        mine = probe.getsockname()[1]
        ping = (
            f"OPTIONS sip:{HOST}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{mine};branch=z9hG4bKprobe{mine}\r\n"
            f"From: <sip:probe@{HOST}>;tag=1\r\nTo: <sip:{HOST}:{port}>\r\nCall-ID: probe{mine}\r\n"
            "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        while True:
            probe.sendto(ping.encode(), (HOST, port))
            with contextlib.suppress(TimeoutError):
                probe.recv(65535)
                return
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
