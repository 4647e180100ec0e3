"""Who calls and by which way, read from an INVITE and told on without loss, and without a leak."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ports import Identity
from router.sip.address import identity, user_of
from router.sip.identity import ANONYMOUS, Arrival, outgoing_headers, read, sender
from router.sip.message import Request, encode, parse

AT = "192.0.2.1:5060"
FROM = '"Anna Meier" <sip:+41441112233@pbx.example>;tag=1'


def invite(*headers: tuple[str, str], sender: str = FROM, uri: str = "sip:500@192.0.2.1") -> Request:
    lines: dict[str, list[str]] = {"From": [sender]}
    for name, value in headers:
        lines.setdefault(name, []).append(value)
    return Request("INVITE", uri, lines)


def arrival(*headers: tuple[str, str], sender: str = FROM, uri: str = "sip:500@192.0.2.1") -> Arrival:
    return read(invite(*headers, sender=sender, uri=uri))


def told(
    came: Arrival,
    diverted_by: str = "",
    *,
    shown: Identity | None = None,
    trusted: bool = True,
    reason: str = "unconditional",
    target: str = "",
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in outgoing_headers(
        came, shown or came.caller, diverted_by, AT, trusted=trusted, reason=reason, target=target
    ):
        found.setdefault(name, []).append(value)
    return found


class TestTheCaller:
    def test_is_from_when_nobody_asserts_another(self) -> None:
        assert arrival().caller == Identity("+41441112233", "Anna Meier")
        assert arrival(("P-Asserted-Identity", "<sip:proxy.example>")).caller.number == "+41441112233"

    def test_is_the_first_asserted_identity_with_a_number(self) -> None:
        came = arrival(
            ("P-Asserted-Identity", '<sip:proxy.example.org>, "Anna, Meier" <tel:+41441112299;ext=5>'),
            ("P-Asserted-Identity", "<sip:3@x>"),
            sender=ANONYMOUS,
        )
        assert came.caller == Identity("+41441112299", "Anna, Meier")

    def test_a_claimed_name_is_not_shown_with_another_number(self) -> None:
        assert arrival(("P-Asserted-Identity", "<sip:2@x>")).caller == Identity("2")
        assert arrival(("P-Asserted-Identity", "<tel:+41441112233>")).caller.name == "Anna Meier"

    def test_dialled_is_the_user_of_the_request_uri(self) -> None:
        assert arrival(uri="sip:%2B41%2a;x=y:secret@192.0.2.1").dialled == "+41*"

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
    def test_an_address_gives_number_and_name(self, value: str, expected: Identity) -> None:
        assert identity(value) == expected

    @pytest.mark.parametrize(
        ("uri", "user"),
        [
            ("SIPS:500@192.0.2.1:5061;transport=tls", "500"),
            ("sip:+41;phone-context=x@h;user=phone", "+41"),
            ("sip:user:secret@h", "user"),
            ("sip:a%0d%0aX:b@h", "aX"),
            ("tel:+41441112233;phone-context=example.org", "+41441112233"),
            ("sip:example.org", ""),
            ("mailto:a@b", ""),
            ("*", ""),
        ],
    )
    def test_the_user_part_is_unescaped_and_bare(self, uri: str, user: str) -> None:
        assert user_of(uri) == user


class TestPrivacy:
    @pytest.mark.parametrize(
        ("privacy", "private"),
        [
            ([], False),
            (["id"], True),
            (["user"], True),
            (["Header"], True),
            (["session; ID ; critical"], True),
            (["session", "user"], True),
            (["id,critical"], True),
            (["session"], False),
            (["critical"], False),
            (["history"], False),
            (["none"], False),
            (["none;id"], False),
            (["identity"], False),
            ([""], False),
        ],
    )
    def test_is_what_privacy_says_of_the_identity(self, privacy: list[str], private: bool) -> None:
        assert arrival(*[("Privacy", value) for value in privacy]).private is private

    @pytest.mark.parametrize(
        "value",
        [ANONYMOUS, "<sip:anonymous@x.example>;tag=1", "sip:Anonymous@x", "<sip:1@ANONYMOUS.invalid>"],
    )
    def test_an_anonymous_from_asks_for_it_too(self, value: str) -> None:
        assert arrival(sender=value).private
        assert arrival(("P-Asserted-Identity", "<sip:1@x>"), sender=value).caller.number in ("1",)
        assert not arrival(("Privacy", "none"), sender=value).private

    @pytest.mark.parametrize(
        "value", ['"anonymous" <sip:1@x>', "<sip:1@x;n=anonymous>", "<sip:anonymous2@x>"]
    )
    def test_a_name_that_looks_anonymous_does_not(self, value: str) -> None:
        assert not arrival(sender=value).private


class TestFrom:
    def test_shows_whom_the_engine_wants_shown(self) -> None:
        shown = Identity("044 #1", 'Anna "A"')
        assert sender(arrival(), shown, AT, trusted=False) == rf'"Anna \"A\"" <sip:044%20%231@{AT}>'
        assert sender(arrival(), Identity("500"), AT, trusted=True) == f"<sip:500@{AT}>"

    @pytest.mark.parametrize("shown", [Identity("+41441112233", "Anna"), Identity("1112233")])
    def test_is_anonymous_for_a_phone_when_the_caller_is_private(self, shown: Identity) -> None:
        came = arrival(("Privacy", "id"))
        assert sender(came, shown, AT, trusted=False) == ANONYMOUS
        assert shown.number in sender(came, shown, AT, trusted=True)

    def test_stays_anonymous_where_the_caller_made_it_so(self) -> None:
        came = arrival(("P-Asserted-Identity", "<sip:7@x>"), ("Privacy", "id"), sender=ANONYMOUS)
        assert sender(came, came.caller, AT, trusted=True) == ANONYMOUS
        assert told(came)["P-Asserted-Identity"] == ["<sip:7@x>"]

    def test_a_number_that_is_not_the_callers_is_no_secret(self) -> None:
        came = arrival(("Privacy", "id"))
        assert sender(came, Identity("500", "Sales"), AT, trusted=False) == f'"Sales" <sip:500@{AT}>'

    @pytest.mark.parametrize("number", ["", "anonymous"])
    def test_nobody_is_anonymous(self, number: str) -> None:
        assert sender(arrival(), Identity(number, "x"), AT, trusted=True) == ANONYMOUS

    @given(
        st.text("0123456789+*#abc ;:@%", min_size=1, max_size=20),
        st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=25),
    )
    def test_what_is_written_is_read_back(self, number: str, name: str) -> None:
        written = sender(arrival(), Identity(number, name), AT, trusted=True)
        assert identity(written) == Identity(number.strip(), name.strip())

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text())
    def test_nothing_breaks_out_of_the_header(self, number: str, name: str) -> None:
        value = sender(arrival(), Identity(number, name), AT, trusted=True)
        message = parse(
            encode(
                Request(
                    "INVITE",
                    "sip:a@b",
                    {
                        "Via": ["SIP/2.0/UDP h;branch=z9hG4bK1"],
                        "From": [f"{value};tag=1"],
                        "To": ["<sip:a@b>"],
                        "Call-ID": ["1"],
                        "CSeq": ["1 INVITE"],
                    },
                )
            )
        )
        assert message.from_tag == "1"
        assert len(message.headers) == 6


class TestAssertedIdentity:
    def test_goes_to_trusted_peers_as_it_came(self) -> None:
        values = ('"Z\udcfcrich" <sip:7@x>', "<tel:+417>")
        came = arrival(("P-Asserted-Identity", ", ".join(values)))
        assert told(came)["P-Asserted-Identity"] == list(values)
        assert told(came, shown=Identity("17"))["P-Asserted-Identity"] == list(values)
        assert "P-Asserted-Identity" not in told(came, trusted=False)

    def test_is_ours_when_our_number_is_shown(self) -> None:
        came = arrival(("P-Asserted-Identity", "<sip:7@x>"))
        headers = told(came, shown=Identity("500", "Sales"))
        assert headers["P-Asserted-Identity"] == [f'"Sales" <sip:500@{AT}>']

    def test_is_not_made_of_a_claim(self) -> None:
        assert "P-Asserted-Identity" not in told(arrival())


def test_privacy_is_passed_on_to_everybody() -> None:
    came = arrival(("Privacy", "id;critical"), ("Privacy", "history"))
    assert (
        told(came, trusted=True)["Privacy"]
        == told(came, trusted=False)["Privacy"]
        == ["id;critical", "history"]
    )


class TestTheWay:
    def test_a_direct_call_came_by_none(self) -> None:
        came = arrival()
        assert (came.diversions, came.diversion, came.history) == (0, (), ())
        assert told(came) == {}

    def test_both_lists_are_kept_in_order_with_duplicates(self) -> None:
        twice = "<sip:1@x>;reason=user-busy"
        came = arrival(
            ("Diversion", f"{twice}, <sip:2,3@x>;reason=no-answer;counter=3"),
            ("Diversion", twice),
            ("History-Info", "<sip:1@x>;index=1, <sip:2@x?Reason=SIP%3Bcause%3D486>;index=1.1"),
        )
        headers = told(came)
        assert headers["Diversion"] == [twice, "<sip:2,3@x>;reason=no-answer;counter=3", twice]
        assert headers["History-Info"] == [
            "<sip:1@x>;index=1",
            "<sip:2@x?Reason=SIP%3Bcause%3D486>;index=1.1",
        ]

    @pytest.mark.parametrize(
        ("headers", "count"),
        [
            ([("Diversion", "<sip:1@x>")], 1),
            ([("Diversion", "<sip:1@x>;counter=3, <sip:2@x>;counter=0")], 4),
            ([("Diversion", "<sip:1@x>;counter=99999999"), ("Diversion", "<sip:1@x>;counter=-2")], 2),
            ([("Diversion", "<sip:1@x>;counter=9999")], 1000),
            ([("History-Info", "<sip:1@x>;index=1")], 0),
            ([("History-Info", "<sip:1@x>;index=1, <sip:2@x;cause=302>;index=1.1;mp=1")], 1),
            ([("History-Info", "<sip:1@x?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@x>;index=1.1;mp=1")], 1),
            (
                [
                    (
                        "History-Info",
                        "<sip:1@x?Reason=a>;index=1, <sip:2@x?Reason=b>;index=1.1, <sip:3@x>;index=2",
                    )
                ],
                2,
            ),
            ([("History-Info", "<sip:2@x;cause=302>;index=1"), ("Diversion", "<sip:1@x>, <sip:2@x>")], 2),
        ],
    )
    def test_diversions_are_counted_once_however_they_are_told(
        self, headers: list[tuple[str, str]], count: int
    ) -> None:
        assert arrival(*headers).diversions == count

    def test_forwarding_adds_the_newest_diversion_first_and_starts_a_history(self) -> None:
        came = arrival(("Diversion", "<sip:1@x>;reason=user-busy"))
        headers = told(came, "500", reason="no-answer", target="sip:9@192.0.2.9:5062;transport=tcp")
        assert headers["Diversion"] == [f"<sip:500@{AT}>;reason=no-answer", "<sip:1@x>;reason=user-busy"]
        assert headers["History-Info"] == [
            f"<sip:500@{AT}>;index=1",
            "<sip:9@192.0.2.9:5062;transport=tcp;cause=408>;index=1.1;mp=1",
        ]

    @pytest.mark.parametrize(
        ("history", "added"),
        [
            ("<sip:500@x>;index=1.2", ["<sip:9@y;cause=302>;index=1.2.1;mp=1.2"]),
            (
                "<sip:500@x>;index=1, <sip:501@x>;index=1.1",
                [f"<sip:500@{AT}>;index=1.1.1", "<sip:9@y;cause=302>;index=1.1.1.1;mp=1.1.1"],
            ),
            ("<sip:1@x>, <sip:500@x>", ["<sip:9@y;cause=302>;index=2.1;mp=2"]),
            ("<sip:500@x>;index=evil", ["<sip:9@y;cause=302>;index=1.1;mp=1"]),
        ],
    )
    def test_the_history_is_numbered_on_from_its_last_entry(self, history: str, added: list[str]) -> None:
        came = arrival(("History-Info", history))
        assert told(came, "500", target="sip:9@y")["History-Info"] == [*came.history, *added]

    def test_the_next_router_counts_what_this_one_added(self) -> None:
        came = arrival(
            ("Diversion", "<sip:1@x>"), ("History-Info", "<sip:1@x>;index=1, <sip:500@x;cause=302>;index=1.1")
        )
        assert came.diversions == 1
        again = told(came, "500", target="sip:9@y?a=b")
        headers = [(name, value) for name, values in again.items() for value in values]
        assert arrival(*headers).diversions == 2
        assert again["History-Info"][-1] == "<sip:9@y;cause=302?a=b>;index=1.1.1;mp=1.1"

    def test_a_phone_does_not_get_what_was_marked_private(self) -> None:
        came = arrival(
            ("Diversion", "<sip:1@x>;privacy=full, <sip:2@x>;privacy=off, <sip:3@x>"),
            ("History-Info", "<sip:1@x?Privacy=history>;index=1, <sip:2@x>;index=1.1"),
        )
        headers = told(came, trusted=False)
        assert headers["Diversion"] == ["<sip:2@x>;privacy=off", "<sip:3@x>"]
        assert headers["History-Info"] == ["<sip:anonymous@anonymous.invalid>;index=1", "<sip:2@x>;index=1.1"]
        assert told(came)["Diversion"] == list(came.diversion)
        assert told(came)["History-Info"] == list(came.history)

    @pytest.mark.parametrize("privacy", ["history", "header", "session"])
    def test_a_history_private_as_a_whole_keeps_only_its_numbers(self, privacy: str) -> None:
        came = arrival(("Privacy", privacy), ("History-Info", "<sip:1@x>;index=1, <sip:2@x>"))
        assert told(came, trusted=False)["History-Info"] == [
            "<sip:anonymous@anonymous.invalid>;index=1",
            "<sip:anonymous@anonymous.invalid>",
        ]


@pytest.mark.parametrize(
    "piece", ["<", '"', " ", "\\", ",", ";", '"<', "<>,", '" "', "?Privacy=", "?Reason="]
)
@pytest.mark.parametrize("name", ["P-Asserted-Identity", "From", "Privacy", "Diversion", "History-Info"])
def test_no_header_takes_long_to_read_or_to_pass_on(name: str, piece: str) -> None:
    value = f"x{piece * (65536 // len(piece))}x"
    started = time.thread_time()
    came = read(Request("INVITE", "sip:1@x", {"From": ["<sip:2@x>"], name: [value]}))
    told(came, "500", trusted=False, target="sip:9@y")
    assert time.thread_time() - started < 1


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_is_read_and_passed_on_without_an_error(one: str, two: str, three: str, uri: str) -> None:
    came = read(
        Request(
            "INVITE",
            uri,
            {
                "From": [one],
                "P-Asserted-Identity": [two],
                "Privacy": [three],
                "Diversion": [one],
                "History-Info": [two],
            },
        )
    )
    for trusted in (True, False):
        sender(came, came.caller, AT, trusted=trusted)
        told(came, "500", trusted=trusted)
    assert "\n" not in came.caller.number + came.caller.name + came.dialled
