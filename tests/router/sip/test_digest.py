"""Answers to demands for a password, with the figures of the standards."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.sip import digest
from router.sip.digest import Credentials

MUFASA = Credentials("Mufasa", "Circle of Life")
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenge(
    algorithm: str = "", qop: str = '"auth, auth-int"', realm: str = "http-auth@example.org", more: str = ""
) -> str:
    return (
        f'Digest realm="{realm}", '
        + (f"qop={qop}, " if qop else "")
        + (f"algorithm={algorithm}, " if algorithm else "")
        + 'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        + f'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"{more}'
    )


def answered(*challenges: str, by: Credentials = MUFASA, body: bytes = b"", nc: int = 1) -> dict[str, str]:
    value = digest.answer(challenges, by, "GET", "/dir/index.html", body, cnonce=CNONCE, nc=nc)
    if value is None:
        return {}
    assert value.startswith("Digest ")
    return {name: text.strip('"') for name, text in re.findall(r'(\w+)=("[^"]*"|[^ ,]+)', value)}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_figures_of_rfc_7616_section_3_9_1(algorithm: str, response: str) -> None:
    assert answered(challenge(algorithm)) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }


def test_the_figure_of_rfc_2617_section_3_5() -> None:
    value = digest.answer(
        [
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ],
        Credentials("Mufasa", "Circle Of Life"),
        "GET",
        "/dir/index.html",
        cnonce="0a4f113b",
    )
    assert value is not None
    assert 'response="6629fae49393a05397450978507c4ef1"' in value


@pytest.mark.parametrize(
    ("header", "body", "response"),
    [
        # Worked out by hand from RFC 7616 sections 3.4.1 to 3.4.3 with md5sum and sha256sum.
        (challenge(qop=""), b"", "7b2cc3b30e75b4777ea31027084363fd"),
        (challenge("MD5-sess"), b"", "e783283f46242139c486a698fec7211d"),
        (challenge("SHA-256-sess"), b"", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"),
        (challenge("MD5", qop='"auth-int"'), b"v=0\r\n", "d1b8e2ac3f6782372de4bf3d8735b406"),
        (
            challenge("SHA-256", qop="auth-int"),
            b"",
            "8bdf6f15638e260831e905028de5450562816d093c9bfc5c13d3a46adcdde940",
        ),
    ],
    ids=["without qop", "MD5-sess", "SHA-256-sess", "MD5 auth-int", "SHA-256 auth-int"],
)
def test_the_other_ways_to_prove_a_password(header: str, body: bytes, response: str) -> None:
    assert answered(header, body=body)["response"] == response


def test_without_qop_nothing_of_it_is_said() -> None:
    assert not {"qop", "nc", "cnonce", "algorithm"} & answered(challenge(qop="")).keys()


def test_the_count_of_a_nonce_is_hexadecimal() -> None:
    assert answered(challenge(), nc=26)["nc"] == "0000001a"


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        ([challenge("SHA-256"), challenge("MD5")], "SHA-256"),
        ([challenge("MD5"), challenge("SHA-256")], "MD5"),
        ([challenge("SHA-512-256"), challenge("MD5")], "MD5"),
        ([challenge("SHA-256", qop='"token"'), challenge("MD5")], "MD5"),
        (["Basic realm=x", "Digest nonsense", challenge("MD5")], "MD5"),
    ],
)
def test_the_first_challenge_that_can_be_answered_is(headers: list[str], algorithm: str) -> None:
    assert answered(*headers)["algorithm"] == algorithm


@pytest.mark.parametrize("headers", [[], ["Basic realm=x"], ["Digest"], [challenge("AKAv1-MD5")], [""]])
def test_what_cannot_be_answered_is_not(headers: list[str]) -> None:
    assert answered(*headers) == {}


def test_credentials_go_to_their_realm_alone() -> None:
    ours = Credentials("Mufasa", "Circle of Life", realm="pbx")
    assert answered(challenge(), by=ours) == {}
    assert answered(challenge(), challenge(realm="pbx"), by=ours)["realm"] == "pbx"


@pytest.mark.parametrize(("more", "stale"), [(", stale=TRUE", True), (",stale=false", False), ("", False)])
def test_a_stale_nonce_is_told_from_a_wrong_password(more: str, stale: bool) -> None:
    parsed = digest.parse_challenge(challenge(more=more))
    assert parsed is not None
    assert parsed.stale is stale


def test_quotation_marks_survive() -> None:
    parsed = digest.parse_challenge(r'Digest realm="a \"b\", c", nonce=n')
    assert parsed is not None
    assert parsed.realm == r"a \"b\", c"
    value = digest.respond(parsed, Credentials('x"y\\', "p"), "REGISTER", "sip:h", cnonce="c")
    assert r'username="x\"y\\", realm="a \"b\", c"' in value


def test_the_password_is_not_shown() -> None:
    assert "Circle" not in repr(MUFASA)


@given(st.text(max_size=200))
def test_any_text_is_a_challenge_or_none(text: str) -> None:
    for header in (text, f"Digest {text}", f'Digest realm="x", nonce="y", {text}'):
        digest.answer([header], MUFASA, "INVITE", "sip:a@b", b"", cnonce="c")
