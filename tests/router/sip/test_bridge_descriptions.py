"""Session descriptions pass from phone to phone, whatever they hold."""

from __future__ import annotations

import pytest

from tests.sip.bridge import bridged
from tests.sip.engine import Engine
from tests.sip.peer import ANSWER, OFFER, Peer

START = "v=0\r\no=- 17 1 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n"
VIDEO = "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
SRTP = (
    "m=audio 4000 RTP/SAVP 0\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)
LONG = "".join(f"a=x-{number}:{'y' * 40}\r\n" for number in range(30))


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        pytest.param(OFFER, ANSWER, id="plain"),
        pytest.param(
            START + "m=audio 4000 RTP/AVP 9 0\r\n", START + "m=audio 4000 RTP/AVP 9\r\n", id="wideband"
        ),
        pytest.param(
            START + "m=audio 4000 RTP/AVP 18 0\r\n", START + "m=audio 4000 RTP/AVP 18\r\n", id="unknown codec"
        ),
        pytest.param(
            START + "m=audio 4000 RTP/AVP 111 0\r\na=rtpmap:111 opus/48000/2\r\n",
            START + "m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n",
            id="opus",
        ),
        pytest.param(
            START + "m=audio 4000 RTP/AVP 18\r\n", START + "m=audio 4002 RTP/AVP 18\r\n", id="G.729"
        ),
        pytest.param(START + SRTP, START + SRTP.replace("4000", "4002"), id="secure alone"),
        pytest.param(START + VIDEO, START + VIDEO.replace("4002", "4004"), id="video alone"),
        pytest.param(OFFER + VIDEO, ANSWER + VIDEO, id="video"),
        pytest.param(OFFER + VIDEO, ANSWER + "m=video 0 RTP/AVP 97\r\n", id="video refused"),
        pytest.param(OFFER + LONG, ANSWER + LONG, id="more than a kilobyte"),
        pytest.param(
            OFFER.replace("sendrecv", "sendonly"), ANSWER.replace("sendrecv", "recvonly"), id="one way"
        ),
        pytest.param(
            OFFER.replace("IP4 192.0.2.17", "IP6 2001:db8::17"),
            ANSWER.replace("IP4 192.0.2.23", "IP6 2001:db8::18"),
            id="IPv6 media",
        ),
        pytest.param(
            OFFER.replace("t=0 0\r\n", "t=0 0\r\n" + SRTP),
            ANSWER.replace("t=0 0\r\n", "t=0 0\r\nm=audio 0 RTP/SAVP 0\r\n"),
            id="a secure and a plain line",
        ),
        pytest.param(OFFER.replace("s=-", "s=Zürich"), ANSWER, id="text"),
    ],
)
def test_offer_and_answer_pass_unchanged(
    router: Engine, caller: Peer, phone: Peer, offer: str, answer: str
) -> None:
    bridge = bridged(router, caller, phone, offer=offer, answer=answer)
    assert bridge.invite.body == offer
    assert bridge.ok.body == answer
    bridge.caller_side.request("BYE")
    phone.respond(phone.receive("BYE"), 200)
    router.until_legs(0)
