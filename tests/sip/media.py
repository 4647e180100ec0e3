"""Start a media server in its own process, and call it as the router does."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sip.engine import free_port, start
from tests.sip.peer import Dialog, Message, Peer
from tests.sip.rtp import Voice

HOST = "127.0.0.1"


@dataclass
class Media:
    process: subprocess.Popen[bytes]
    port: int
    started: dict[str, Any] = field(default_factory=dict)
    _partial: bytes = b""

    def facts(self, ask: bytes = b"facts") -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(ask + b"\n")
        self.process.stdin.flush()
        return self.read()

    def until(self, within: float = 5.0, **wanted: object) -> dict[str, Any]:
        """Wait until the facts are so."""
        end = time.monotonic() + within
        while not wanted.items() <= (facts := self.facts()).items():
            assert time.monotonic() < end, facts
            time.sleep(0.02)
        return facts

    def read(self, within: float = 20.0) -> dict[str, Any]:
        assert self.process.stdout is not None
        end = time.monotonic() + within
        while b"\n" not in self._partial:
            left = end - time.monotonic()
            assert left > 0, "the media server says nothing"
            if select.select([self.process.stdout], [], [], left)[0]:
                got = os.read(self.process.stdout.fileno(), 65536)
                assert got, f"the media server has ended: {self.process.wait()}"
                self._partial += got
        line, _, self._partial = self._partial.partition(b"\n")
        facts: dict[str, Any] = json.loads(line)
        return facts

    def close(self) -> int:
        """Stop in order; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(10)


@contextlib.contextmanager
def media(copies: Path, *, listen: str = HOST, **settings: object) -> Iterator[Media]:
    """A ready media server; ended, by its pid, at the end."""
    port = free_port()
    ports = settings.pop("rtp_ports", rtp_ports())
    given = {"listen": listen, "port": port, "rtp_ports": ports, "copies": str(copies), **settings}
    process = start("tests.sip.media_driver", json.dumps(given))
    running = Media(process, port)
    try:
        running.started = running.read()
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@contextlib.contextmanager
def start_at(port: int, copies: Path) -> Iterator[dict[str, Any]]:
    """What a media server says that is to take a certain port."""
    given = {"listen": HOST, "port": port, "rtp_ports": rtp_ports(), "copies": str(copies)}
    process = start("tests.sip.media_driver", json.dumps(given))
    try:
        yield Media(process, port).read()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def rtp_ports(count: int = 400) -> tuple[int, int]:
    """A range of ports: those that somebody has are passed over by the server."""
    low = 20000 + os.getpid() * 37 % 400 * 2 * 25 % 10000
    return low, low + count - 1


@dataclass
class Line:
    """One leg as the router has it: its dialog, and the phone's voice."""

    peer: Peer
    dialog: Dialog
    voice: Voice
    ok: Message

    def change(self, **how: Any) -> Message:
        """re-INVITE with the voice's description, changed as said; the 200."""
        self.dialog.request("INVITE", self.voice.sdp(**how))
        ok = self.peer.receive(200)
        self.dialog.answered(ok)
        return ok

    def told(self, within: float = 5.0) -> str:
        """The body of the next news."""
        news = self.peer.receive("INFO", within)
        assert news["Content-Type"] == "application/vnd.callisto.media", news
        self.peer.respond(news, 200)
        return news.body

    def hang_up(self) -> None:
        self.dialog.request("BYE")
        self.peer.receive(200)


def invite(
    peer: Peer, server: Media, conference: str, sdp: str, parameters: str = "", *, user: str = ""
) -> Dialog:
    address = f"{user or f'conf={conference}'}@{HOST}:{server.port}"
    dialog = Dialog(
        peer,
        (HOST, server.port),
        local=f"<sip:router@{HOST}:{peer.port}>;tag={peer.tag}",
        remote=f"<sip:{address}>",
        target=f"sip:{address}{parameters}",
    )
    dialog.request("INVITE", sdp)
    return dialog


def line(peer: Peer, server: Media, conference: str, voice: Voice, parameters: str = "", **how: Any) -> Line:
    """A leg that is up: its voice speaks."""
    dialog = invite(peer, server, conference, voice.sdp(**how), parameters)
    ok = peer.receive(200)
    dialog.answered(ok)
    voice.towards(ok.body)
    return Line(peer, dialog, voice, ok)


def late(
    peer: Peer, server: Media, conference: str, voice: Voice, parameters: str = "", *, answer: str = ""
) -> Line:
    """The same, the offer being the server's. `answer`: instead of the voice's own."""
    dialog = invite(peer, server, conference, "", parameters)
    ok = peer.receive(200)
    dialog.remote = ok["To"]
    dialog.target = ok["Contact"].partition("<")[2].partition(">")[0]
    dialog.request("ACK", answer or voice.sdp())
    voice.towards(ok.body)
    return Line(peer, dialog, voice, ok)
