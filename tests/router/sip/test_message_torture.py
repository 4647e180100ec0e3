"""Odd messages, valid and invalid, of the kinds that RFC 4475 and RFC 5118 describe."""

from __future__ import annotations

import pytest

from router.ports import Identity
from router.sip import identity
from router.sip.grammar import GrammarError, parse_name_addr, parse_uri, parse_via
from router.sip.message import MessageError, Request, Response, encode, parse, response
from router.sip.sdp import sdp_of

BASE = {
    "Via": "SIP/2.0/UDP host.example;branch=z9hG4bK776",
    "From": "<sip:caller@example.net>;tag=88",
    "To": "<sip:user@example.com>",
    "Call-ID": "torture.1@example.net",
    "CSeq": "2 INVITE",
}


def built(start: str = "INVITE sip:user@example.com SIP/2.0", **changes: str) -> bytes:
    """`changes`: headers by name, `_` for `-`; an empty value leaves one out."""
    headers = BASE | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [start, *(f"{name}: {value}" for name, value in headers.items() if value), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def status_of(data: bytes) -> int:
    """What it is answered with, 200 when it is accepted."""
    try:
        parse(data)
    except MessageError as error:
        refusal = error
    else:
        return 200
    assert isinstance(refusal.message, Request), "there is nothing to answer"
    assert encode(response(refusal.message, refusal.status)).startswith(b"SIP/2.0 ")
    return refusal.status


class TestValid:
    def test_white_space_wherever_it_may_be(self) -> None:
        data = "\r\n".join(
            [
                "INVITE sip:user@example.com;unknown-param SIP/2.0",
                "TO :",
                " sip:user@example.com ;   tag    = 19\t",
                'from   : "J \\\\\\""       <sip:caller@example.net>',
                "  ;",
                "  tag = 98",
                "MaX-fOrWaRdS: 0068",
                "Call-ID: torture.1@example.net",
                "cseq: 0009",
                "  INVITE",
                "Via  : SIP  /   2.0",
                " /UDP",
                "    192.0.2.2;branch=390",
                "s :",
                "NewFangledHeader:   newfangled value",
                " continued newfangled value",
                "UnknownHeaderWithUnusualValue: ;;,,;;,;",
                "Route:",
                " <sip:services.example.com;lr;unknownwith=value>",
                "v:  SIP  / 2.0  / TCP     host.example   ;",
                "  branch  =   z9hG4bK9  ,",
                " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
                " z9hG4bK30",
                'm:"Quoted \\"\\"" <sip:caller@example.net> ; newparam =',
                "      newvalue ;",
                "  second ; q = 0.33",
                "l: 3",
                "",
                "sdp",
            ]
        )
        message = request(data.encode())
        assert (message.to_tag, message.from_tag, message.branch) == ("19", "98", "390")
        assert message.cseq == (9, "INVITE")
        assert message.get("Subject") == ""
        assert message.get("Newfangledheader") == "newfangled value continued newfangled value"
        assert [parse_via(via).params["branch"] for via in message.values("Via")] == [
            "390",
            "z9hG4bK9",
            "z9hG4bK30",
        ]
        contact = parse_name_addr(message.values("Contact")[0])
        assert contact.display == 'Quoted ""'
        assert contact.params == {"newparam": "newvalue", "second": "", "q": "0.33"}
        assert message.body == b"sdp"

    def test_every_character_a_method_and_a_header_may_have(self) -> None:
        method = "!interesting-Method0123456789_*+`.%indeed'~"
        user, password = (
            "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
            "&it+has=1,weird!*pas$wo~d_too.(isn't-it)",
        )
        start = f"{method} sip:{user}:{password}@example.com SIP/2.0"
        message = request(
            built(
                start,
                CSeq=f"139122385 {method}",
                **{"extensionHeader-!.%*+`'~": "\ufeff大停電"},
                To="<sip:u@x;p=#&%%%>",
            )
        )
        assert message.method == method
        uri = parse_uri(message.uri)
        assert (uri.user, uri.password, uri.host) == (user, password, "example.com")
        assert message.get("Extensionheader-!.%*+`'~") == "\ufeff大停電"

    def test_escapes_are_resolved_in_users_and_nowhere_else(self) -> None:
        message = request(
            built(
                "RE%47IST%45R sip:n%75ll%00%00user@example.com SIP/2.0",
                CSeq="1 RE%47IST%45R",
                From='"%Z%45" <sip:a%2Db@x>;tag=f%43',
            )
        )
        came = identity.read(message)
        assert message.method == "RE%47IST%45R"
        assert came.dialled == "nulluser"
        assert came.caller == Identity("a-b", "%Z%45")
        assert message.from_tag == "f%43"

    def test_no_space_before_the_angle_bracket(self) -> None:
        message = request(built(From="caller<sip:caller@example.net>;tag=3"))
        assert identity.read(message).caller.name == "caller"
        assert message.from_tag == "3"

    def test_long_values(self) -> None:
        via = ", ".join([f"SIP/2.0/TCP sip{number}.example.com" for number in range(150)])
        message = request(
            built(Via=via, To=f'"{"long " * 300}" <sip:user@example.com>', Call_ID="long" * 100)
        )
        assert len(message.values("Via")) == 150
        assert len(message.headers["Via"][0]) < 8192

    def test_a_second_message_in_the_datagram_is_not_looked_at(self) -> None:
        message = request(built(Content_Length="0") + built("BYE sip:x@y SIP/2.0"))
        assert message.body == b""

    def test_semicolons_in_the_user_are_no_parameters(self) -> None:
        assert (
            parse_uri(request(built("INVITE sip:user;par=u%40example.net@example.com SIP/2.0")).uri).host
            == "example.com"
        )

    @pytest.mark.parametrize("transport", ["UDP", "SCTP", "TLS", "UNKNOWN", "TLS-SCTP", "WS"])
    def test_any_transport_in_via(self, transport: str) -> None:
        message = request(built(Via=f"SIP/2.0/{transport} t1.example;branch=z9hG4bK1"))
        assert parse_via(message.get("Via")).transport == transport

    def test_binary_parts_beside_the_description(self) -> None:
        body = (
            b"--7a9c\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n"
            b"--7a9c\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n"
            b"--7a9c\r\nContent-Type: application/octet-stream\r\n\r\n0\x82\x01R\x06\t*\x86\x00\xff\r\n\r\n"
            b"\r\n--7a9c--\r\n"
        )
        head = built(Content_Type="multipart/mixed;boundary=7a9c", l=str(len(body)))
        message = request(head + body)
        assert sdp_of(message) == b"v=0\r\n"
        assert message.body == body
        assert encode(message).endswith(b"\r\n\r\n" + body)

    def test_reasons_in_any_script_and_none(self) -> None:
        for reason in ("= 2**3 * 5**2 но сто девяносто девять - простое", ""):
            message = parse(built(f"SIP/2.0 200 {reason}"))
            assert isinstance(message, Response)
            assert message.reason == reason

    def test_the_older_sip_of_rfc_2543(self) -> None:
        message = request(
            built(
                Via="SIP/2.0/UDP iftgw.example.com",
                From="<sip:+1@gw.example;user=phone>",
                To="sip:+2@ss1.example;user=phone",
            )
        )
        assert (message.branch, message.from_tag, message.to_tag) == ("", "", "")

    def test_ipv6_references(self) -> None:
        message = request(
            built(
                "INVITE sip:user@[2001:db8::10]:5070 SIP/2.0",
                Via="SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3-111",
            )
        )
        via = parse_via(message.get("Via"))
        assert (via.host, via.port, via.params["received"]) == ("2001:db8::9:1", None, "2001:db8::9:255")
        assert parse_uri(message.uri).host == "2001:db8::10"
        with pytest.raises(GrammarError):
            parse_uri("sip:2001:db8::10")

    @pytest.mark.parametrize(
        "changes",
        [
            {"Date": "Fri, 01 Jan 2010 16:00:00 EST"},
            {"Contact": "sip:user@example.com?Route=%3Csip:x%3E"},
            {"Contact": "<sip:a@b>;; ,;,,"},
            {"Max-Forwards": "300"},
            {"Expires": "10000000000000000000000"},
            {"Require": "nothingSupportsThis, nothingSupportsThisEither"},
            {"Content-Type": "application/unknownformat"},
            {"Authorization": "NoOneKnowsThisScheme opaque-data=here"},
            {"To": "isbn:2983792873"},
            {"From": "Bell, Alexander <sip:a.g.bell@example.com>;tag=43"},
            {"To": '"Watson" < sip:t.watson@example.org >'},
            {"Via": "SIP/2.0/UDP 192.0.2.15;;,;,,"},
            {"Via": "SIP/2.0/UDP h;branch=z9hG4bK"},
            {"Max-Forwards": "0"},
        ],
    )
    def test_what_others_judge_is_let_through(self, changes: dict[str, str]) -> None:
        assert status_of(built(**changes)) == 200


class TestInvalid:
    @pytest.mark.parametrize(
        ("start", "status"),
        [
            ("INVITE sip:user@example.com SIP/7.0", 505),
            ("INVITE sip:user@example.com SIP/2.00", 505),
            ("INVITE sip:user@example.com", 400),
            ("INVITE", 400),
            ("INVITE sip:user@example.com; lr SIP/2.0", 400),
            ("INVITE <sip:user@example.com> SIP/2.0", 400),
            ("INVITE sip:user@exam\x00ple.com SIP/2.0", 400),
            ("INVITE sip:user@example.com SIP/2.0 more", 400),
            ("INVITE  sip:user@example.com  SIP/2.0", 200),
            ("INVITE sip:user@example.com SIP/2.0  ", 200),
            ("INVITE sip:user@example.com sip/2.0", 200),
            ("INVITE nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", 200),
            ("INVITE name:John_Smith SIP/2.0", 200),
            ("invite sip:user@example.com SIP/2.0", 400),
        ],
    )
    def test_request_lines(self, start: str, status: int) -> None:
        assert status_of(built(start)) == status

    @pytest.mark.parametrize(
        "changes",
        [
            {"Content-Length": "9999"},
            {"Content-Length": "-999"},
            {"CSeq": "36893488147419103232 INVITE"},
            {"CSeq": "8 OPTIONS"},
            {"CSeq": "0x10 INVITE"},
            {"To": '"Mr. J. User <sip:j.user@example.com>'},
            {"From": '"x" <sip:j.user@example.com'},
            {"To": ""},
            {"From": ""},
            {"Via": ""},
            {"Via": "SIP/3.0/UDP host.example"},
            {"Via": "SIP/2.0/UDP"},
            {"Via": ";;,;,,"},
            {"f": "<sip:second@example.com>;tag=2"},
            {"t": "<sip:second@example.com>"},
            {"i": "another torture"},
            {"cseq": "3 INVITE"},
            {"Content-Length": "0", "l": "0"},
        ],
    )
    def test_headers(self, changes: dict[str, str]) -> None:
        assert status_of(built(**changes)) == 400

    @pytest.mark.parametrize(
        "start",
        [
            "SIP/2.0 4294967301 better not break the receiver",
            "SIP/2.0 20 x",
            "SIP/2.0 abc x",
            "SIP/2.0",
            "SIP/7.0 200 x",
            "SIP/2.0 200x",
        ],
    )
    def test_status_lines_nobody_can_answer(self, start: str) -> None:
        with pytest.raises(MessageError) as caught:
            parse(built(start))
        assert caught.value.message is None
