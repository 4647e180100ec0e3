"""A wire between an attacker and the router that counts what goes each way."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Relay:
    """The attacker speaks to `address`; the router sees `seen_as`. Bytes and datagrams, each way."""

    address: tuple[str, int]
    seen_as: tuple[str, int]
    asked: int = 0
    answered: int = 0
    questions: int = 0
    answers: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def relay(host: str, router: tuple[str, int]) -> Iterator[Relay]:
    """UDP. `host`: the address that the attacker has for the router."""
    stop = threading.Event()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside,
    ):
        inside.bind((host, 0))
        outside.bind((host, 0))
        wire = Relay(inside.getsockname(), outside.getsockname())

        def carry() -> None:
            attacker: tuple[str, int] | None = None
            while not stop.is_set():
                for ready in select.select([inside, outside], [], [], 0.1)[0]:
                    if ready is inside:
                        data, attacker = inside.recvfrom(65535)
                        wire.asked += len(data)
                        wire.questions += 1
                        outside.sendto(data, router)
                    else:
                        data = outside.recv(65535)
                        wire.answered += len(data)
                        wire.answers.append(data)
                        if attacker is not None:
                            inside.sendto(data, attacker)

        thread = threading.Thread(target=carry, name="relay")
        thread.start()
        try:
            yield wire
        finally:
            stop.set()
            thread.join()
