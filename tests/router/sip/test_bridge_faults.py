"""What no far end can cause: errors in the listener."""

from __future__ import annotations

from tests.sip.bridge import bridged
from tests.sip.engine import Engine
from tests.sip.peer import Peer, call


def test_an_error_in_the_listener_ends_that_call_alone(router: Engine, caller: Peer, phone: Peer) -> None:
    router.do("break", what="listener")
    router.ask()
    side = call(caller, router.port)
    side.acknowledge_refusal(caller.receive(500))
    router.until_legs(0)
    bridged(router, caller, phone)
