"""A phone that goes by itself: it takes the calls of some callers, says that it is busy to all others."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.sip.peer import ANSWER, Message, Peer, parse


@dataclass
class Automaton:
    """`takes`: numbers of callers whose calls are answered. `seen`: requests by method, and problems."""

    peer: Peer
    takes: tuple[str, ...]
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def uri(self) -> str:
        return self.peer.uri

    def deal_with(self, message: Message) -> None:
        if message.status:
            return
        self.seen[message.method] += 1
        match message.method:
            case "ACK":
                pass
            case "INVITE" if "tag=" not in message["To"] and not self._takes(message):
                self.peer.respond(message, 486)
            case "INVITE":
                self.peer.respond(message, 200, ANSWER)
            case _:
                self.peer.respond(message, 200)

    def _takes(self, invite: Message) -> bool:
        return any(f"sip:{number}@" in invite["From"] for number in self.takes)


@contextlib.contextmanager
def automaton(host: str, *takes: str) -> Iterator[Automaton]:
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        one = Automaton(Peer(sock), takes)

        def serve() -> None:
            while not stop.is_set():
                if select.select([sock], [], [], 0.1)[0]:
                    one.deal_with(parse(*sock.recvfrom(65535)))

        thread = threading.Thread(target=serve, name="phone")
        thread.start()
        try:
            yield one
        finally:
            stop.set()
            thread.join()
