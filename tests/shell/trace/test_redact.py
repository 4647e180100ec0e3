"""No secret gets into a trace."""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from router.sip.message import parse
from shell.trace.redact import redact, redact_text
from tests.shell.trace.messages import RAW, SDP, message

HEAD = (
    "INVITE sip:300@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
    "Call-ID: c1\r\nCSeq: 1 INVITE\r\n"
)
PLAIN = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=SDP)

SECRET = st.text(string.ascii_letters + string.digits + "+/", min_size=8, max_size=32).map("zq9".__add__)
"""The beginning is nowhere else."""
PIN = st.text("0123456789*#", min_size=1, max_size=8)
BLANKS = st.sampled_from(["", " ", "\t", "  \t", "\r\n ", "\r\n\t ", "\n "])
"""What may stand between two words of a header: lines are folded (RFC 3261 section 7.3.1)."""


@st.composite
def spelled(draw: st.DrawFn, word: str) -> str:
    """In any case."""
    return "".join(char.upper() if draw(st.booleans()) else char for char in word)


def hidden(raw: str, secret: str) -> str:
    """The message without its secret: nor is half of it left. Its body is as long as before."""
    shown = redact(raw)
    assert secret not in shown
    assert secret[: max(4, len(secret) // 2)] not in shown
    assert redact(shown) == shown
    if "\r\n\r\n" in raw:
        assert len(shown.partition("\r\n\r\n")[2]) == len(raw.partition("\r\n\r\n")[2])
    return shown


# Credentials


@given(
    st.sampled_from(["Authorization", "Proxy-Authorization"]).flatmap(spelled),
    st.sampled_from(["response", "cnonce", "password", "anything"]).flatmap(spelled),
    st.sampled_from(['"{}"', "{}", '"\\"{}"', '"{}']),
    st.lists(BLANKS, min_size=6, max_size=6),
    SECRET,
)
def test_what_answers_a_challenge_never_stays(
    name: str, parameter: str, form: str, blanks: list[str], secret: str
) -> None:
    a, b, c, d, e, f = blanks
    value = f'Digest{a or " "}username="mia",{b}realm="pbx",{c}{parameter}{d}={e}{form.format(secret)}'
    raw = f'{HEAD}{name}{f.strip()}:{a}{value},{c}nonce="n", nc=00000001\r\n\r\n'
    shown = hidden(raw, secret)
    assert 'username="mia"' in shown
    assert 'realm="pbx"' in shown


def test_what_helps_to_find_the_fault_stays() -> None:
    value = (
        'Digest username="mia", realm="pbx", nonce="abc", uri="sip:pbx", qop=auth, nc=00000002, algorithm=MD5'
    )
    raw = f'{HEAD}Authorization: {value}, cnonce="c0ffee", response="0123"\r\n\r\n'
    assert f'Authorization: {value}, cnonce="***", response="***"\r\n' in redact(raw)


@given(st.sampled_from(["Basic", "Bearer", "NTLM", ""]), SECRET)
def test_of_other_credentials_nothing_stays(scheme: str, secret: str) -> None:
    hidden(f"{HEAD}Authorization: {scheme} {secret}==\r\n\r\n", secret)


@given(st.sampled_from(["Authentication-Info", "Proxy-Authentication-Info"]).flatmap(spelled), SECRET)
def test_the_servers_own_answer_never_stays(name: str, secret: str) -> None:
    shown = hidden(f'{HEAD}{name}: qop=auth, rspauth="{secret}", nextnonce="n2"\r\n\r\n', secret)
    assert 'nextnonce="n2"' in shown


@given(
    st.sampled_from(["sip", "sips", "http", "ldap"]).flatmap(spelled),
    SECRET,
    st.sampled_from(["", ":", ";x="]),
)
@example("sip", "zq9PASSW000", ":")
def test_a_password_in_an_address_never_stays(scheme: str, secret: str, more: str) -> None:
    slashes = "" if scheme.lower().startswith("sip") else "//"
    uri = f"{scheme}:{slashes}mia:{secret}{more}@10.0.0.1:5060"
    shown = hidden(f"INVITE {uri} SIP/2.0\r\nFrom: <{uri};tag=1>\r\nm: {uri}\r\n\r\n", secret)
    assert shown.count("@10.0.0.1:5060") == 3


@given(st.sampled_from(["Authorization", "Proxy-Authorization"]).flatmap(spelled), SECRET)
def test_headers_that_an_address_carries_are_looked_at_too(name: str, secret: str) -> None:
    uri = f"sip:a@h?Subject=x&{name}=Digest%20response%3D%22{secret}%22"
    assert "Subject=x" in hidden(f"{HEAD}Refer-To: <{uri}>\r\n\r\n", secret)


@given(
    st.sampled_from(["X-Auth-Token", "P-Secret", "X-User-Password", "Cookie", "X-PIN"]).flatmap(spelled),
    BLANKS,
    SECRET,
)
def test_a_header_that_is_called_a_secret_is_one(name: str, blank: str, secret: str) -> None:
    hidden(f"{HEAD}{name}:{blank}a b {secret}\r\n\r\n", secret)


# Descriptions


def with_sdp(lines: str, head: str = HEAD) -> str:
    return f"{head}Content-Type: application/sdp\r\nContent-Length: {len(SDP + lines)}\r\n\r\n{SDP}{lines}"


@given(
    st.sampled_from(["a=crypto:", "A=CRYPTO:", "a=crypto: ", "a =crypto :"]),
    st.sampled_from(["inline:", "INLINE: "]),
    SECRET,
)
def test_the_key_of_encrypted_speech_never_stays(crypto: str, inline: str, secret: str) -> None:
    line = f"{crypto}1 AES_CM_128_HMAC_SHA1_80 {inline}{secret}|2^20|1:4;{inline}{secret}=\r\na=sendrecv\r\n"
    shown = hidden(with_sdp(line), secret)
    assert "AES_CM_128_HMAC_SHA1_80" in shown
    assert "a=sendrecv" in shown


@given(
    st.sampled_from(["k=clear:", "K=base64:", "k=", "k=uri:http://", "a=ice-pwd:", "a=key-mgmt:mikey "]),
    SECRET,
)
def test_no_other_key_of_a_description_stays(before: str, secret: str) -> None:
    hidden(with_sdp(f"{before}{secret}\r\n"), secret)


@given(SECRET, st.sampled_from(["\r\n", "\n"]))
def test_a_description_among_several_parts_is_one_too(secret: str, end: str) -> None:
    part = f"--b{end}c: application/sdp{end}{end}a=crypto:1 X inline:{secret}{end}--b--{end}"
    hidden(f"{HEAD}c: multipart/mixed;boundary=b\r\n\r\n{part}", secret)


@given(SECRET)
def test_the_message_within_a_message_is_one_too(secret: str) -> None:
    inner = f'SIP/2.0 200 OK\r\nAuthorization: Digest response="{secret}", realm="r"\r\n'
    assert 'realm="r"' in hidden(f"{HEAD}Content-Type: message/sipfrag\r\n\r\n{inner}", secret)


@given(st.sampled_from(["Content-Encoding", "e", "E"]), st.sampled_from(["gzip", "deflate"]), SECRET)
def test_a_body_that_nobody_can_read_is_not_shown(name: str, coding: str, secret: str) -> None:
    hidden(f"{HEAD}{name}: {coding}\r\n\r\n{secret}", secret)
    part = f"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{secret}\r\n--b--"
    hidden(f"{HEAD}c: multipart/mixed;boundary=b\r\n\r\n{part}", secret)


# What a caller types


def info(kind: str, body: str, name: str = "Content-Type", blank: str = " ") -> str:
    return (
        "INFO sip:300@h SIP/2.0\r\nCall-ID: c1\r\nCSeq: 2 INFO\r\n"
        f"{name}:{blank}{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


@given(
    st.sampled_from(["Content-Type", "c"]).flatmap(spelled),
    st.sampled_from(["application/dtmf-relay", "application/vnd.nortelnetworks.digits"]).flatmap(spelled),
    st.sampled_from(["Signal={}", "signal = {}", "SIGNAL: {}", "d={}", "x\r\n {}"]),
    BLANKS,
    PIN,
)
def test_no_digit_that_is_typed_stays(name: str, kind: str, form: str, blank: str, pin: str) -> None:
    assume(pin not in {"1", "16", "160", "6", "60", "0"})
    body = f"{form.format(pin)}\r\nDuration=160\r\n"
    shown = redact(info(kind, body, name, blank))
    typed = shown.partition("\r\n\r\n")[2]
    assert not any(digit in typed.replace("Duration=160", "") for digit in "0123456789#")
    assert "Duration=160" in typed
    assert len(typed) == len(body)


@given(st.sampled_from(["application/dtmf", "audio/telephone-event", "text/plain", "x/y"]), PIN)
def test_a_body_of_nothing_but_digits_never_stays(kind: str, pin: str) -> None:
    assert redact(info(kind, pin)).endswith("\r\n\r\n" + "*" * len(pin))


@given(PIN)
def test_digits_in_one_of_several_parts_never_stay(pin: str) -> None:
    typed = f"--b\r\nc: Application/\r\n DTMF\r\n\r\n{pin}\r\n--b--\r\n"
    parts = f"--b\r\nContent-Type: text/plain\r\n\r\nhello 7\r\n{typed}"
    shown = redact(f"{HEAD}Content-Type: multipart/mixed;boundary=b\r\n\r\n{parts}")
    assert shown.endswith(f"\r\n\r\n{'*' * len(pin)}\r\n--b--\r\n")
    assert "hello 7" in shown


@given(PIN)
def test_what_a_phone_reports_of_its_keys_never_stays(pin: str) -> None:
    body = f"<kpml-response version='1.0' code='200' text='OK' digits='{pin}' tag='dtmf'/>"
    shown = redact(info("application/kpml-response+xml", body))
    assert f"digits={'*' * (len(pin) + 2)} " in shown


def test_digits_dialled_after_the_answer_never_stay() -> None:
    assert "4711" not in redact("INVITE sip:300@h;postd=pp4711# SIP/2.0\r\nTo: <tel:300;POSTD=4711>\r\n\r\n")


# Text


@given(
    st.sampled_from(
        ["password", "passwd", "passphrase", "token", "secret", "pin", "PIN code", "api_key", "user_password"]
    ),
    st.sampled_from(
        ["{}={}", "{}: {}", '{}="{}"', "{}='{}'", '"{}": "{}"', "{} = '{}", "{} is {}", '{}="a b {}"']
    ),
    SECRET,
)
@example("pin", "{}={}", "zq91234")
def test_whatever_text_calls_a_secret_is_one(name: str, form: str, secret: str) -> None:
    said = form.format(name.replace("PIN code", "PINcode"), secret)
    for shown in (redact_text(f"user mia, {said}"), redact(f"{HEAD}Subject: x\r\n\r\nuser mia {said}\r\n")):
        if "is" not in form or shown.startswith("user"):
            assert secret not in shown
    assert redact_text(f"user mia, {said}").startswith("user mia, ")


@given(SECRET)
def test_a_message_that_an_error_repeats_is_without_its_secrets(secret: str) -> None:
    said = repr(
        f'{HEAD}Authorization: Digest realm="x", response="{secret}"\r\na=crypto:1 A inline:{secret}\r\n'
    )
    assert secret not in redact_text(f"a message: {said}")
    assert secret not in redact_text(f"to https://mia:{secret}@10.0.0.1/x")


@pytest.mark.parametrize("said", ["DTMF 4711", "digit: 4711", "dtmf digits '4711'", "Digit=4711#"])
def test_digits_in_text_are_not_said(said: str) -> None:
    assert "4711" not in redact_text(said)


# What has no secret stays as it is


@pytest.mark.parametrize(
    "text",
    [
        "call 3f2a: 0791234567 calls 300 (Ben's office): manager away: assistant 1 of 3, Mia, rings",
        "ready on 127.0.0.1:5060, 8000 call legs",
        "peer pbx at sip:10.0.0.5:5060 is reachable",
        "more calls come than can be carried: 40 a second are taken",
    ],
)
def test_text_without_secrets_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_message_without_secrets_stays() -> None:
    assert redact(PLAIN) == PLAIN
    assert redact(with_sdp("a=rtpmap:101 telephone-event/8000\r\na=keyframe:1\r\n")).endswith(
        "a=keyframe:1\r\n"
    )


@given(st.binary(max_size=400))
def test_any_bytes_are_taken(data: bytes) -> None:
    raw = data.decode("utf-8", "surrogateescape")
    redact(raw)
    redact_text(raw)


@given(RAW)
def test_twice_is_no_more_than_once(raw: str) -> None:
    assert redact(redact(raw)) == redact(raw)


def test_what_is_left_of_a_message_is_one() -> None:
    raw = with_sdp(
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcdef\r\n",
        f"{HEAD}From: <sip:a:b@h>;tag=1\r\nTo: <sip:c@h>\r\n",
    )
    kept = parse(redact(raw).encode())
    assert len(kept.body) == int(kept.get("Content-Length"))


EVIL = (
    "token",
    "a=",
    "sip:",
    "\n ",
    "content-type:",
    "inline:",
    "<pin",
    "authorization:",
    'password="\\',
    "\r\nsignal",
)
MORE = (
    "\r\ncontent-type: dtmf\r\n\r\n",
    "dtmf ",
    "c:dtmf\r\n\r\n--",
    "\n k=",
    "pin ",
    "digits='",
    "://a:",
    "@",
    " \tpin",
    "x",
)


@pytest.mark.parametrize("piece", EVIL + MORE)
def test_no_message_holds_up_the_calls(piece: str) -> None:
    text = piece * (65_000 // len(piece))
    began = time.process_time()
    for shown in (redact, redact_text):
        shown(text)
        shown(f"INFO x SIP/2.0\r\npin: info dtmf\r\n\r\n{text}")
    assert time.process_time() - began < 2


def test_a_message_is_looked_at_in_a_moment() -> None:
    seeded = random.Random(4)
    raws = [PLAIN.replace("c1", str(seeded.random())) for _ in range(500)]
    began = time.process_time()
    for raw in raws:
        redact(raw)
    assert time.process_time() - began < 0.25
