"""From an address to a SIP URI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.model import Peer
from router.ports import Target
from router.targets import Unreachable, resolve

TRUNK = Peer("pbx", "192.0.2.1", 5070, "tcp")


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("201", "sip:201@192.0.2.1:5070;transport=tcp"),
        ("+41 44 123 45 67", "sip:+41441234567@192.0.2.1:5070;transport=tcp"),
        ("*21#", "sip:*21%23@192.0.2.1:5070;transport=tcp"),
        ("sip:berta@192.0.2.9", "sip:berta@192.0.2.9"),
        ("SIP:berta@192.0.2.9:5062;transport=udp", "sip:berta@192.0.2.9:5062;transport=udp"),
        ("sip:berta@Phones.Example", "sip:berta@192.0.2.7"),
        ("sip:berta@phones.example:5090;transport=tcp", "sip:berta@192.0.2.7:5090;transport=tcp"),
        ("sip:192.0.2.9", "sip:192.0.2.9"),
        ("sip:berta@[2001:db8::1]:5060", "sip:berta@[2001:db8::1]:5060"),
        ("sip:berta@six.example", "sip:berta@[2001:db8::2]"),
    ],
)
def test_address_becomes_a_uri_without_names(address: str, uri: str) -> None:
    peer = "" if address.lower().startswith("sip") else "pbx"
    hosts = {"phones.example": "192.0.2.7", "six.example": "2001:db8::2"}
    assert resolve(address, [TRUNK], hosts) == Target(uri, peer)


def test_trunk_may_have_an_ipv6_address() -> None:
    assert resolve("1", [Peer("pbx", "2001:db8::1")], {}) == Target(
        "sip:1@[2001:db8::1]:5060;transport=udp", "pbx"
    )


@pytest.mark.parametrize(
    ("address", "because"),
    [
        ("", "no phone is set"),
        ("201", "no trunk to a PBX is set, so number 201 has no way out"),
        ("Berta", "'Berta' is neither a number nor a SIP address"),
        ("sip:berta@nowhere.example", "host nowhere.example has no known address"),
        ("sip:a b@192.0.2.1", "'sip:a b@192.0.2.1' is not a SIP address (sip:user@host:port)"),
        ("sip:a@192.0.2.1:99999", "'sip:a@192.0.2.1:99999' is not a SIP address (sip:user@host:port)"),
        ("sip:a@192.0.2.1>\r\nX: y", "'sip:a@192.0.2.1> X: y' is not a SIP address (sip:user@host:port)"),
    ],
)
def test_what_cannot_be_reached_is_told_in_a_sentence(address: str, because: str) -> None:
    assert resolve(address, [], {}) == Unreachable(because)


@given(st.text() | st.text().map(lambda text: f"sip:{text}") | st.text().map(lambda text: f"sip:a@{text}"))
def test_no_address_raises_or_brings_anything_foreign_into_a_uri(address: str) -> None:
    found = resolve(address, [TRUNK], {})
    if isinstance(found, Target):
        assert found.uri.isascii()
        assert not set(found.uri) & set(' <>"\r\n\t')
