"""What is read out of SIP messages, hostile ones included."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.pjsua.address import from_value
from router.pjsua.wire import Invite, identity, read_invite, read_sdp, user_of
from router.ports import Identity

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def invite(*headers: str, body: str = "", uri: str = "sip:500@192.0.2.9") -> Invite:
    return read_invite("\r\n".join([f"INVITE {uri} SIP/2.0", *headers, "", body]))


def test_an_ordinary_invite_is_read() -> None:
    read = invite(
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        'From: "Anna Meier" <sip:+41441112233@example.org>;tag=1',
        "To: <sip:500@192.0.2.9>",
        "Call-ID: 17@example.org",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        body=SDP,
    )
    assert read == Invite(Identity("+41441112233", "Anna Meier"), "500", "17@example.org", 70, SDP)


def test_compact_names_folded_lines_and_odd_case_are_read() -> None:
    read = invite(
        "f: \r\n Anna \r\n\t<sip:22@example.org>;tag=1",
        "i:17",
        "MAX-FORWARDS :  3",
        "c: Application/SDP; charset=utf-8",
        body=SDP,
    )
    assert read == Invite(Identity("22", "Anna"), "500", "17", 3, SDP)


def test_the_asserted_identity_goes_before_the_claimed_one() -> None:
    read = invite(
        'From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        'P-Asserted-Identity: <sip:proxy.example.org>, "Anna, Meier" <tel:+41441112233;ext=5>',
    )
    assert read.caller == Identity("+41441112233", "Anna, Meier")


def test_a_claimed_name_is_not_shown_with_another_number() -> None:
    read = invite('From: "The Queen" <sip:1@example.org>', "P-Asserted-Identity: <sip:2@example.org>")
    assert read.caller == Identity("2", "")
    read = invite('From: "Anna" <sip:2@example.org>', "P-Asserted-Identity: <sip:2@trunk>")
    assert read.caller == Identity("2", "Anna")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:1@h>", Identity("1")),
        ("sip:1@h;tag=2", Identity("1")),
        ("Anna Meier <sip:1@h>", Identity("1", "Anna Meier")),
        (r'"a \"quoted\" \\ name" <sip:1@h>', Identity("1", 'a "quoted" \\ name')),
        ('"Zürich ☎" <sip:1@h>', Identity("1", "Zürich ☎")),
        ('"<sip:9@h>" <sip:1@h>', Identity("1", "<sip:9@h>")),
        ('"Z\udcfcrich" <sip:1@h>', Identity("1", "Z�rich")),
        ('"a\x00b\x1fc\x85" <sip:1@h>', Identity("1", "abc")),
        ("<sip:proxy.example.org>", Identity("")),
        ('"' + "x" * 1000 + '" <sip:' + "9" * 1000 + "@h>", Identity("9" * 128, "x" * 128)),
        ("", Identity("")),
        ('"unfinished', Identity("")),
    ],
)
def test_an_address_gives_the_number_and_the_name(value: str, expected: Identity) -> None:
    assert identity(value) == expected


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:500@192.0.2.1", "500"),
        ("SIPS:500@192.0.2.1:5061;transport=tls", "500"),
        ("sip:+41;phone-context=x@h;user=phone", "+41"),
        ("sip:user:secret@h", "user"),
        ("sip:%2B41%2a@h", "+41*"),
        ("sip:a%0d%0aX:b@h", "aX"),
        ("tel:+41441112233;phone-context=example.org", "+41441112233"),
        ("sip:example.org", ""),
        ("mailto:a@b", ""),
        ("*", ""),
    ],
)
def test_the_user_part_is_unescaped_and_bare(uri: str, user: str) -> None:
    assert user_of(uri) == user


def test_a_description_in_a_multipart_body_is_found() -> None:
    body = (
        "--x1\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        f"--x1\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--x1--\r\n"
    )
    read = invite('Content-Type: multipart/mixed;\r\n boundary="x1"', body=body)
    assert read.sdp.strip() == SDP.strip()


@pytest.mark.parametrize(
    "kind", ["Content-Type: text/plain", "X-Content-Type: application/sdp", "Subject: c: application/sdp"]
)
def test_another_body_is_no_description(kind: str) -> None:
    assert invite(kind, body=SDP).sdp == ""


def test_a_message_without_a_body_has_no_description() -> None:
    assert read_sdp("SIP/2.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n") == ""
    assert read_sdp("") == ""


@pytest.mark.parametrize("piece", ["<", '"', " ", "\\", "a ", '"<', "<>,", '" "'])
@pytest.mark.parametrize("header", ["P-Asserted-Identity", "From", "Content-Type", "Max-Forwards"])
def test_no_header_takes_long_to_read(header: str, piece: str) -> None:
    begun = time.monotonic()
    invite(f"{header}: x{piece * 60000}x", body=SDP)
    assert time.monotonic() - begun < 2, "by the square of its length it would take minutes"


def test_bodies_within_bodies_are_looked_through_to_a_limit() -> None:
    def within(depth: int) -> str:
        body = f"Content-Type: application/sdp\r\n\r\n{SDP}"
        for level in range(depth):
            line = f"--b{level}x"
            head = f'Content-Type: multipart/mixed; boundary="b{level}x"'
            body = f"{head}\r\n\r\n{line}\r\n{body}\r\n{line}--"
        return f"INVITE sip:1@h SIP/2.0\r\n{body}"

    assert read_sdp(within(2)).startswith("v=0")
    assert read_sdp(within(2000)) == ""


@given(st.text(), st.text())
def test_no_name_or_number_can_break_out_of_our_header(number: str, name: str) -> None:
    value = from_value(Identity(number, name), "127.0.0.1", 5060)
    assert not any(ord(char) < 32 or ord(char) == 127 for char in value)
    assert len(value.encode()) < 256, "PJSIP prints an address into 256 bytes"
    quoted, _, rest = value.rpartition(" ")
    assert rest.startswith("<sip:")
    assert rest.endswith("@127.0.0.1:5060>")
    assert rest.count("@") == rest.count("<") == rest.count(">") == 1
    if quoted:
        inner = quoted[1:-1].replace("\\\\", "").replace('\\"', "")
        assert quoted[0] == quoted[-1] == '"'
        assert '"' not in inner
        assert "\\" not in inner


@given(
    st.text("0123456789+*#abc ;:@%", min_size=1, max_size=20),
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=25),
)
def test_what_is_written_is_read_back(number: str, name: str) -> None:
    written = from_value(Identity(number, name), "127.0.0.1", 5060)
    assert identity(written) == Identity(number.strip(), name.strip())


@given(st.text(), st.text())
def test_any_text_is_read_without_an_error(head: str, body: str) -> None:
    read = read_invite(f"{head}\r\n\r\n{body}")
    assert "\n" not in read.caller.number + read.caller.name + read.dialled + read.call_id
