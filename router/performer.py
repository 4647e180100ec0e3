"""Does for a call what its flow commands: on the SIP side, with timers, and to those who watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from router.bulletin import Bulletin
from router.commands import (
    AcceptTransfer,
    Adopt,
    Alert,
    Announce,
    Command,
    Connect,
    Explain,
    HandOver,
    HangUp,
    LetGo,
    Notify,
    NotifyAnswered,
    Record,
    Refuse,
    Ring,
    StartTimer,
    StopRinging,
    StopTimer,
    TransferProgress,
    Withdraw,
)
from router.events import Refused, TimerId
from router.explain import sentence
from router.facts import ThroughServer
from router.legs import Legs
from router.live import LiveCall
from router.ports import Clock, Media, Signalling
from router.targets import Unreachable


class Performer:
    """`timed_out` and `finished` are told of a call's timer that has run out, and of its end.

    `promised`: call legs that the calls under way may use.
    """

    def __init__(
        self,
        signalling: Signalling,
        clock: Clock,
        bulletin: Bulletin,
        legs: Legs,
        *,
        timed_out: Callable[[LiveCall, TimerId], None],
        finished: Callable[[LiveCall, Record], None],
    ) -> None:
        self._signalling = signalling
        self._clock = clock
        self._bulletin = bulletin
        self._legs = legs
        self._timed_out = timed_out
        self._finished = finished
        self.promised = 0
        # By type: a chain of comparisons was a tenth of what a call costs.
        self.ways: Mapping[type[Command], Callable[[LiveCall, Any], Refused | None]] = {
            Explain: self._explain,
            Ring: self._ring,
            StopRinging: self._let_go,
            LetGo: self._let_go,
            Adopt: self._adopt,
            Alert: self._alert,
            Connect: self._connect,
            HangUp: self._hang_up,
            Refuse: self._refuse,
            Announce: self._announce,
            AcceptTransfer: self._accept_transfer,
            TransferProgress: self._transfer_progress,
            HandOver: self._hand_over,
            StartTimer: self._start_timer,
            StopTimer: self._stop_timer,
            Notify: self._notify,
            NotifyAnswered: self._notify_answered,
            Withdraw: self._withdraw,
            Record: self._record,
        }

    def do(self, live: LiveCall, command: Command) -> Refused | None:
        """Carry out one command; Refused when a phone could not even be tried."""
        return self.ways[type(command)](live, command)

    def promise(self, live: LiveCall, legs: int) -> None:
        """Keep so many call legs for this call, the caller's included."""
        self.promised += legs - live.promised
        live.promised = legs

    # Phones and the caller

    def _ring(self, live: LiveCall, command: Ring) -> Refused | None:
        leg, phone, reception = command.leg, command.phone, live.reception
        target = reception.target(phone.person)
        if isinstance(target, Unreachable):
            return Refused(live.at(self._clock.monotonic()), leg, 0, target.because)
        plan = reception.plan(live.flow.call, target, command.plan)
        if plan.media is Media.CONFERENCE and plan.because:
            at = live.at(self._clock.monotonic())
            self._bulletin.step(live, at, sentence(ThroughServer(phone, plan.because)))
        if live.connected:
            self.promise(live, 3)
        return self._legs.ring(live, leg, phone, target, plan)

    def _let_go(self, live: LiveCall, command: StopRinging | LetGo) -> None:
        self._legs.release(live, command.leg)

    def _alert(self, live: LiveCall, _: Alert) -> None:
        self._signalling.alert(live.incoming.leg)

    def _connect(self, live: LiveCall, command: Connect) -> None:
        self._signalling.connect(live.incoming.leg, live.legs[command.leg])
        live.connected = True
        self.promise(live, 2)
        self._bulletin.answered(live, live.at(self._clock.monotonic()), command.name)

    def _hang_up(self, live: LiveCall, command: HangUp) -> None:
        if command.leg is not None:
            self._legs.release(live, command.leg)
        self._signalling.release(live.incoming.leg)

    def _refuse(self, live: LiveCall, command: Refuse) -> None:
        self._signalling.refuse(live.incoming.leg, command.status)

    def _announce(self, live: LiveCall, command: Announce) -> None:
        self._signalling.announce(live.incoming.leg, command.file, early=command.early)

    # Transfers

    def _adopt(self, live: LiveCall, command: Adopt) -> None:
        if live.consulted is not None:
            self._legs.move(live.consulted, live, command.leg)

    def _accept_transfer(self, live: LiveCall, command: AcceptTransfer) -> None:
        asker = live.incoming.leg if command.leg is None else live.legs.get(command.leg)
        if asker is not None:
            self._signalling.accept_transfer(asker, status=command.status)

    def _transfer_progress(self, live: LiveCall, command: TransferProgress) -> None:
        asker = live.legs.get(command.leg)
        if asker is not None:
            self._signalling.transfer_progress(asker, command.status)

    def _hand_over(self, live: LiveCall, command: HandOver) -> None:
        self._signalling.hand_over(live.incoming.leg, live.legs[command.leg], replaces=command.replaces)

    # Timers

    def _start_timer(self, live: LiveCall, command: StartTimer) -> None:
        timed_out = partial(self._run_out, live, command.timer)
        live.timers[command.timer] = self._clock.call_later(command.seconds, timed_out)

    def _stop_timer(self, live: LiveCall, command: StopTimer) -> None:
        live.stop_timer(command.timer)

    def _run_out(self, live: LiveCall, timer: TimerId) -> None:
        live.timers.pop(timer, None)
        self._timed_out(live, timer)

    # Those who watch

    def _explain(self, live: LiveCall, command: Explain) -> None:
        self._bulletin.step(live, command.at, sentence(command.fact))

    def _notify(self, live: LiveCall, command: Notify) -> None:
        self._bulletin.rings(live, command)

    def _notify_answered(self, live: LiveCall, command: NotifyAnswered) -> None:
        self._bulletin.taken(live, command)

    def _withdraw(self, live: LiveCall, command: Withdraw) -> None:
        self._bulletin.withdraw(live, command.at, command.why)

    def _record(self, live: LiveCall, command: Record) -> None:
        self.promise(live, 0)
        self._finished(live, command)
