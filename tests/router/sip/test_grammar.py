"""The pieces of header values: read leniently, written back unchanged, in time linear to their length."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.sip import grammar
from router.sip.grammar import (
    GrammarError,
    NameAddr,
    Uri,
    Via,
    escape,
    is_address,
    is_via,
    parameter,
    parameters,
    parse_name_addr,
    parse_uri,
    parse_via,
    quote,
    split_list,
    unescape,
    unquote_string,
)


class TestUri:
    @pytest.mark.parametrize(
        ("text", "uri"),
        [
            ("sip:b.example", Uri("sip", host="b.example")),
            ("sip:a@b.example", Uri("sip", "a", host="b.example")),
            ("sips:a:secret@b.example:5061", Uri("sips", "a", "secret", "b.example", 5061)),
            (
                "sip:a@192.0.2.1:5060;transport=tcp;lr",
                Uri("sip", "a", host="192.0.2.1", port=5060, params={"transport": "tcp", "lr": ""}),
            ),
            ("sip:a@[2001:db8::1]:5070", Uri("sip", "a", host="2001:db8::1", port=5070)),
            ("sip:[2001:db8::1];lr", Uri("sip", host="2001:db8::1", params={"lr": ""})),
            ("sip:a@b?Replaces=x%40y&c=d@e", Uri("sip", "a", host="b", headers="Replaces=x%40y&c=d@e")),
            ("sip:u;p=1;q?r@b;x=1", Uri("sip", "u;p=1;q?r", host="b", params={"x": "1"})),
            ("sip:%61%00@b", Uri("sip", "%61%00", host="b")),
            (
                "tel:+41-44-555;phone-context=x",
                Uri("tel", "+41-44-555", params={"phone-context": "x"}),
            ),
            ("urn:service:sos", Uri("urn", "service:sos")),
        ],
    )
    def test_is_taken_apart_and_put_together(self, text: str, uri: Uri) -> None:
        assert parse_uri(text) == uri
        assert str(parse_uri(text)) == text

    def test_scheme_and_parameter_names_know_no_case(self) -> None:
        assert parse_uri("SIP:A@B;Transport=TCP;LR") == Uri(
            "sip", "A", "", "B", None, {"transport": "TCP", "lr": ""}
        )

    def test_a_user_with_a_domain_of_its_own_is_understood(self) -> None:
        assert parse_uri("sip:a@office.example@b:5060") == Uri(
            "sip", "a%40office.example", host="b", port=5060
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "sip:",
            "sip",
            ":a@b",
            "1sip:a@b",
            "sip:a@",
            "sip:a@b:0",
            "sip:a@b:65536",
            "sip:a@b:port",
            "sip:a@b:",
            "sip:a b@c",
            "sip:a@b\r\nX: y",
            "sip:a@b>;x=<",
            "<sip:a@b>",
            "sip:a@b@c@d",
            "sip:a@[::1",
            "sip:a@b c",
            "sip:a@b\x00",
        ],
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(GrammarError):
            parse_uri(text)

    def test_can_be_a_key(self) -> None:
        assert len({parse_uri("sip:a@b;lr"), parse_uri("sip:a@b;lr")}) == 1


class TestNameAddr:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("<sip:a@b>", NameAddr("", "sip:a@b", {})),
            ("Anna <sip:a@b>;tag=1", NameAddr("Anna", "sip:a@b", {"tag": "1"})),
            ("Anna  M.<sip:a@b;x=1>", NameAddr("Anna  M.", "sip:a@b;x=1", {})),
            ('"A \\"B\\" \\\\, <x>" <sip:a@b>', NameAddr('A "B" \\, <x>', "sip:a@b", {})),
            ("Bell, Alexander <sip:a@b>;tag=43", NameAddr("Bell, Alexander", "sip:a@b", {"tag": "43"})),
            ("sip:a@b;tag=1;x", NameAddr("", "sip:a@b", {"tag": "1", "x": ""})),
            ('<sip:a@b> ; P = "q;r>" ;; T=1', NameAddr("", "sip:a@b", {"p": "q;r>", "t": "1"})),
            ("*", NameAddr("", "*", {})),
            ('"" <tel:+41>', NameAddr("", "tel:+41", {})),
        ],
    )
    def test_is_taken_apart(self, text: str, address: NameAddr) -> None:
        assert parse_name_addr(text) == address
        assert is_address(text)

    @pytest.mark.parametrize(
        "text",
        ["", '"open <sip:a@b>', "<sip:a@b", "sip:a b", '"x"', "<sip:a@b>x", "<sip:a@b>, <sip:c@d>", ";tag=1"],
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        assert not is_address(text)
        with pytest.raises(GrammarError):
            parse_name_addr(text)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00")))
    def test_any_display_name_survives_quoting(self, display: str) -> None:
        assert parse_name_addr(f"{quote(display)} <sip:a@b>;tag=1") == NameAddr(
            display, "sip:a@b", {"tag": "1"}
        )

    def test_a_quoted_string_has_no_line_breaks(self) -> None:
        assert quote("a\r\nb\x00") == '"a  b "'
        assert unquote_string(quote("a")) == "a"

    @given(st.text(alphabet='"<>\\;,= \tasip:@', max_size=30))
    def test_the_cheap_check_admits_all_that_can_be_read(self, text: str) -> None:
        try:
            parse_name_addr(text)
        except GrammarError:
            return
        assert is_address(text)


class TestVia:
    @pytest.mark.parametrize(
        ("text", "via"),
        [
            ("SIP/2.0/UDP 192.0.2.1", Via("UDP", "192.0.2.1")),
            (
                "SIP/2.0/udp h:5060;rport;branch=x",
                Via("UDP", "h", 5060, {"rport": "", "branch": "x"}),
            ),
            (
                "SIP  / 2.0\t/ TCP     h.example  : 99 ;  branch  = x ",
                Via("TCP", "h.example", 99, {"branch": "x"}),
            ),
            (
                "SIP/2.0/TLS [2001:db8::9]:5061;received=[::1]",
                Via("TLS", "2001:db8::9", 5061, {"received": "[::1]"}),
            ),
            ("SIP/2.0/UDP h;branch=1, SIP/2.0/UDP i;branch=2", Via("UDP", "h", None, {"branch": "1"})),
            ("SIP/2.0/UDP h, SIP/2.0/UDP i;branch=2", Via("UDP", "h")),
            ("SIP/2.0/UNKNOWN h", Via("UNKNOWN", "h")),
        ],
    )
    def test_is_taken_apart(self, text: str, via: Via) -> None:
        assert parse_via(text) == via
        assert is_via(text)
        assert parse_via(str(via)) == via

    def test_a_quoted_parameter_is_written_quoted_again(self) -> None:
        via = parse_via('SIP/2.0/UDP h;p="a;b, c";branch=1')
        assert via.params == {"p": "a;b, c", "branch": "1"}
        assert str(via) == 'SIP/2.0/UDP h;p="a;b, c";branch=1'

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "SIP/2.0/UDP",
            "SIP/3.0/UDP h",
            "HTTP/2.0/UDP h",
            "SIP/2.0/UDP h i",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP ;x",
        ],
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        assert not is_via(text)
        with pytest.raises(GrammarError):
            parse_via(text)

    @pytest.mark.parametrize("port", ["0", "65536", "99999"])
    def test_a_port_that_cannot_be_is_refused(self, port: str) -> None:
        with pytest.raises(GrammarError):
            parse_via(f"SIP/2.0/UDP h:{port}")


class TestLists:
    @pytest.mark.parametrize(
        ("text", "entries"),
        [
            ("", []),
            (" , ,", []),
            ("a", ["a"]),
            (" a , b,c ", ["a", "b", "c"]),
            ('"x, y" <sip:a@b>, <sip:c,d@e>;p="1,2"', ['"x, y" <sip:a@b>', '<sip:c,d@e>;p="1,2"']),
            ('"a\\", b", c', ['"a\\", b"', "c"]),
            ('a, "open, b', ["a", '"open, b']),
            ("a, <open, b", ["a", "<open, b"]),
            ('a, "\\', ["a", '"\\']),
        ],
    )
    def test_are_parted_at_their_own_commas_only(self, text: str, entries: list[str]) -> None:
        assert split_list(text) == entries

    @given(st.lists(st.sampled_from(["a", "<sip:a,b@c>;x", '"p,\\"q" <sip:x@y>', 'z;p=","']), max_size=5))
    def test_joined_entries_come_apart_again(self, entries: list[str]) -> None:
        assert split_list(", ".join(entries)) == entries


class TestParameters:
    def test_the_first_of_two_counts_and_names_know_no_case(self) -> None:
        assert parameters("<sip:a@b;u=1>;Tag=x;tag=y;lr") == {"tag": "x", "lr": ""}

    def test_absent_differs_from_without_value(self) -> None:
        assert parameter("<sip:a@b>;lr", "lr") == ""
        assert parameter("<sip:a@b>;lr", "tag") is None
        assert parameter("text/plain;charset=x", "charset") == "x"
        assert parameter('multipart/mixed;boundary="a;b"', "boundary") == "a;b"


class TestEscapes:
    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_user_survives_escaping(self, user: str) -> None:
        assert unescape(escape(user)) == user
        if user:
            written = escape(user).partition(":")[0]
            assert parse_uri(f"sip:{written or 'x'}@b").user == (written or "x")

    def test_bytes_that_are_no_text_survive_too(self) -> None:
        assert unescape("%FF%41%zz") == "\udcffA%zz"
        assert escape("\udcff ") == "%FF%20"


NASTY = [
    ",",
    ";",
    "<",
    '"',
    "\\",
    " ",
    "\t",
    "=",
    ":",
    "@",
    "%",
    "<>",
    '""',
    '"\\',
    "<,",
    '",',
    ";<",
    '\\"',
    "a@",
    " ;",
    '"<',
    "[",
    "?",
]


@pytest.mark.parametrize("piece", NASTY)
@pytest.mark.parametrize(
    "read",
    [
        split_list,
        parameters,
        parse_name_addr,
        parse_uri,
        parse_via,
        is_address,
        is_via,
        unescape,
        escape,
        quote,
        unquote_string,
        lambda text: parse_uri("sip:" + text),
        lambda text: parse_uri("sip:a@b;" + text.strip('" <>\t')),
        lambda text: parse_via("SIP/2.0/UDP h;" + text),
        lambda text: parse_name_addr("<sip:a@b>;" + text),
        lambda text: split_list(text + ',"'),
        lambda text: split_list(text + ",<"),
        lambda text: parameter("<sip:a@b>;" + text + "tag", "tag"),
    ],
)
def test_64_kilobytes_of_anything_take_no_time(read: Callable[[str], object], piece: str) -> None:
    text = piece * (65536 // len(piece))
    started = time.thread_time()
    try:
        read(text)
    except GrammarError as error:
        assert len(str(error)) < 400  # noqa: PT017  (a problem does not repeat all of it)
    assert time.thread_time() - started < 0.5


@given(st.text(alphabet='"<>\\;,= \t:@/%[]?sipSIP2.0UDP', max_size=60))
def test_nothing_but_grammar_errors_comes_out(text: str) -> None:
    for read in (parse_name_addr, parse_uri, parse_via):
        try:
            read(text)
        except GrammarError:
            continue
    split_list(text)
    parameters(text)
    grammar.is_token(text)
