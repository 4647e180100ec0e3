"""`BENCH_PASSWORD=… python -P -m tests.bench.telnet_lookers PORT`: administrators who look at a trace over
Telnet. Half of them read what comes, the others nothing at all.

It says `ready`; told on its standard input how many records were sent, it reads on until those who read have
them all, lets the others read what is left for them, and tells what each was shown, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

GOOD, STALLED = 4, 4
WITHIN_S = 10.0
QUIET_S = 1.5
RECEIVE = 1 << 16
STALLED_RECEIVE = 32 << 10
"""The kernel's buffer of one who does not read."""
RECORD = re.compile(rb"\brecord \d+: ([\d.]+)")
MISSED = re.compile(rb"\[\.\.\. (\d+) lines missed: your connection is too slow \.\.\.\]")


@dataclass(slots=True)
class Admin:
    sock: socket.socket
    shown: int = 0
    missed: int = 0
    rest: bytes = b""
    delays_s: list[float] = field(default_factory=list)
    """Of the last record of each part that was read."""

    def read(self) -> int:
        """Whole lines are counted; the bytes that were read."""
        data = self.sock.recv(RECEIVE)
        lines, newline, rest = (self.rest + data).rpartition(b"\n")
        self.rest = rest if newline else self.rest + data
        if newline:
            records = RECORD.findall(lines)
            self.shown += len(records)
            self.delays_s += [time.time() - float(sent_at) for sent_at in records[-1:]]
            self.missed += sum(map(int, MISSED.findall(lines)))
        return len(data)


def main(port: int, password: str) -> None:
    good = [_looking(port, password, number, RECEIVE) for number in range(GOOD)]
    stalled = [_looking(port, password, GOOD + number, STALLED_RECEIVE) for number in range(STALLED)]
    print("ready", flush=True)
    sent = _read(good)
    end = time.monotonic() + WITHIN_S
    while any(admin.shown < sent for admin in good) and time.monotonic() < end:
        _turn(good, 0.1)
    delays = [delay for admin in good for delay in admin.delays_s]
    end = time.monotonic() + WITHIN_S
    while _turn(stalled, QUIET_S) and time.monotonic() < end:
        pass
    found = {
        "good": [admin.shown for admin in good],
        "good_missed": [admin.missed for admin in good],
        "stalled": [admin.shown for admin in stalled],
        "stalled_missed": [admin.missed for admin in stalled],
        "delays_s": delays,
    }
    print(json.dumps(found), flush=True)


def _looking(port: int, password: str, number: int, buffer: int) -> Admin:
    sock = logged_in(port, password, number, buffer)
    sock.sendall(b"trace\r\n")
    heard = until_heard(sock, b"Ctrl-C")
    sock.setblocking(False)
    return Admin(sock, rest=heard.rpartition(b"\n")[2])


def logged_in(port: int, password: str, number: int, buffer: int = RECEIVE) -> socket.socket:
    """At the prompt of script mode. Each from an address of his own: the shell takes so many sessions from
    one."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.bind((f"127.0.1.{number + 1}", 0))
    sock.connect(("127.0.0.1", port))
    sock.settimeout(10)
    for prompt, answer in ((b"sername: ", b"admin+s"), (b"assword: ", password.encode())):
        until_heard(sock, prompt)
        sock.sendall(answer + b"\r\n")
    until_heard(sock, b"# ")
    return sock


def until_heard(sock: socket.socket, text: bytes) -> bytes:
    heard = b""
    while text not in heard:
        part = sock.recv(4096)
        assert part, f"the shell hung up after {heard!r}"
        heard += part
    return heard


def _read(good: list[Admin]) -> int:
    """Until the number of records is told."""
    with selectors.DefaultSelector() as ready:
        for admin in good:
            ready.register(admin.sock, selectors.EVENT_READ, admin)
        ready.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.data is None:
                    return int(sys.stdin.readline())
                key.data.read()


def _turn(admins: list[Admin], within_s: float) -> int:
    """Bytes that were read of all of them."""
    with selectors.DefaultSelector() as ready:
        for admin in admins:
            ready.register(admin.sock, selectors.EVENT_READ, admin)
        return sum(key.data.read() for key, _ in ready.select(within_s))


if __name__ == "__main__":
    main(int(sys.argv[1]), os.environ["BENCH_PASSWORD"])
