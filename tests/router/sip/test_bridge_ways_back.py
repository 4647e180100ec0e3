"""Where responses to a datagram go: RFC 3261 section 18.2.2 and RFC 3581."""

from __future__ import annotations

import socket

import pytest

from tests.sip.engine import HOST, Engine


def options(router: Engine, via: str) -> bytes:
    lines = [
        f"OPTIONS sip:{HOST}:{router.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bKway{abs(hash(via))}",
        "Max-Forwards: 70",
        f"From: <sip:1@{HOST}>;tag=1",
        f"To: <sip:{HOST}>",
        f"Call-ID: {via}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("asks", [True, False])
def test_a_response_goes_to_the_port_of_the_via_unless_the_sender_asks_otherwise(
    router: Engine, asks: bool
) -> None:
    """A gateway may send from any port and listen on another: only rport says that it hears on both."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening,
    ):
        for one in (sending, listening):
            one.bind((HOST, 0))
            one.settimeout(3)
        via = f"{HOST}:{listening.getsockname()[1]}" + (";rport" if asks else "")
        sending.sendto(options(router, via), (HOST, router.port))
        answer = (sending if asks else listening).recv(4096)
        assert answer.startswith(b"SIP/2.0 200")
        assert (b"rport=%d" % sending.getsockname()[1] in answer) == asks
