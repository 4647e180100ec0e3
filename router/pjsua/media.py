"""The media server: legs that come by SIP from the router are bridged, hear announcements, exchange digits.

What it takes and tells is after RFC 4240: `sip:conf=<id>@127.0.0.1:<port>`, with the URI parameters play,
srtp and dtmf (`router.pjsua.wanted`); news of a leg is an INFO in its dialog (`NEWS`).
"""

from __future__ import annotations

import gc
import logging
import re
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pjsua2 as pj

from router.pjsua import wanted
from router.pjsua.announcement import Announcement, AnnouncementError, Announcements
from router.pjsua.conference import Conferences, inform
from router.pjsua.endpoint import LINGER, Endpoint, EngineError, local_address
from router.pjsua.leg import Account, Leg, LegCall
from router.pjsua.quality import Quality
from router.pjsua.quiet import Housekeeping
from router.pjsua.wanted import UnwantedError, Wanted

__all__ = ["EngineError", "MediaServer"]

log = logging.getLogger(__name__)

NEWS = "application/vnd.callisto.media"
"""Content-Type of the INFO that says `played`, `failed: <why>` or `silent`."""
MOST_LEGS = 400
"""200 bridged calls: beyond, speech suffers on a small machine."""
SILENCE = 60.0
ASK_EVERY = 60.0
"""Seconds after which the router is asked (OPTIONS) whether it still has a leg's dialog."""
LISTENS_WITHIN = 8.0
"""Seconds for which an announcement waits after the ACK, which may put the leg on hold to begin with."""
CLOSE_WITHIN = 1.5
_TAIL = 0.12
"""Seconds an announcement is left in the bridge and in jitter buffers after its last sample was due."""
_SDP_AUDIO = re.compile(r"^m=audio [1-9]\d* (\S+)", re.MULTILINE)
_EVENTS_A_TURN = 500


class MediaServer:
    """All calls, `pump` included, come from the thread that made it."""

    def __init__(
        self,
        listen: str,
        port: int,
        rtp_ports: range,
        *,
        copies: Path,
        most_legs: int = MOST_LEGS,
        silence_s: float = SILENCE,
        ask_every_s: float = ASK_EVERY,
    ) -> None:
        """Serve SIP on UDP at 127.0.0.1:`port`; raise EngineError when that cannot be. `copies`: a folder of
        our own for announcements, emptied now."""
        self._listen = listen
        self._ask_every = ask_every_s
        self._legs: dict[int, Leg] = {}
        self._calls: dict[int, LegCall] = {}
        self._events: deque[Callable[[], None]] = deque()
        self._conferences = Conferences()
        self._announcements = Announcements(copies)
        self._playing: list[Leg] = []
        self._ended: deque[float] = deque()
        """When legs ended whose sockets the library may still count."""
        self._quality = Quality(silence_s)
        self._housekeeping = Housekeeping()
        self._next_watch = 0.0
        self._closing = False
        self._endpoint = Endpoint(listen, port, rtp_ports, lambda: Account(self), most_legs)

    @property
    def capacity(self) -> int:
        return self._endpoint.capacity

    @property
    def legs_in_use(self) -> int:
        return len(self._legs)

    def facts(self) -> dict[str, object]:
        return {
            "engine": f"PJSUA2 {self._endpoint.version}",
            "build": self._endpoint.build,
            "capacity": self.capacity,
            "legs_in_use": self.legs_in_use,
            "conferences": len(self._conferences),
            "refused_busy": self._endpoint.refused,
            "codecs": list(self._endpoint.codecs),
            **self._quality.facts(),
        }

    def pump(self, max_wait_s: float) -> None:
        """One turn: wait for the network at most `max_wait_s`, then do what it asked for."""
        wait = 0.0 if self._events else min(max_wait_s, self._until_the_next_end())
        events = self._endpoint.poll(max(0, int(wait * 1000)))
        self._deliver()
        now = time.monotonic()
        self._end_announcements(now)
        if self._ended:
            self._count()
        if now >= self._next_watch:
            self._next_watch = now + min(1.0, self._quality.every)
            self._watch(now)
        self._housekeeping.turn(now, quiet=not events and not self._legs)

    def close(self) -> None:
        """End every leg, wait CLOSE_WITHIN seconds for the router's answers, stop the library."""
        self._closing = True
        self._endpoint.close_door(full=True)
        for leg in list(self._legs.values()):
            self._hang_up(leg)
        until = time.monotonic() + CLOSE_WITHIN
        while (self._legs or self._events) and time.monotonic() < until:
            self._endpoint.poll(20)
            self._deliver()
        self._endpoint.hang_up_all()
        self._let_go()
        gc.collect()
        self._endpoint.close()

    def _let_go(self) -> None:
        """Of everything that is the library's: not even a local variable may hold on to it."""
        for leg in self._legs.values():
            leg.player = leg.port = leg.call = None
        for call in self._calls.values():
            call.leg = None
        self._events.clear()
        self._playing.clear()
        self._legs.clear()
        self._calls.clear()

    # What PJSUA2 reports inside its callbacks (`leg.Sink`): noted for the loop.

    def arrived(self, slot: int, message: str, source: str) -> None:
        call = self._calls.get(slot)
        if call is None:
            call = self._calls[slot] = LegCall(
                self._endpoint.account, slot, self, self._endpoint, self._listen
            )
        else:
            self._endpoint.attach(slot, call.address)
        leg = Leg(call, slot, since=time.monotonic())
        call.leg = self._legs[slot] = leg
        self._count()
        offer = message.partition("\r\n\r\n")[2].strip()
        leg.has_offer = bool(offer)
        try:
            leg.wanted = _wanted(message, offer, source)
        except UnwantedError as exc:
            self._later(leg, self._refuse, exc.status, str(exc))
        else:
            self._later(leg, self._take)

    def confirmed(self, leg: Leg) -> None:
        leg.confirmed = True
        self._later(leg, self._begin)

    def media_changed(self, leg: Leg) -> None:
        self._later(leg, self._rewire)

    def gone(self, leg: Leg) -> None:
        leg.ending = True
        leg.call.leg = None
        if self._legs.get(leg.slot) is leg:
            del self._legs[leg.slot]
        self._ended.append(time.monotonic())
        self._count()
        self._events.append(partial(self._forget, leg))

    def digit(self, leg: Leg, digit: str) -> None:
        self._later(leg, self._relay, digit)

    def unknown(self, leg: Leg) -> None:
        self._later(leg, self._lose)

    def failed(self, leg: Leg) -> None:
        self._events.append(partial(self._hang_up, leg))

    # The loop.

    def _later(self, leg: Leg, handler: Callable[..., None], *arguments: object) -> None:
        self._events.append(partial(self._guarded, leg, handler, *arguments))

    def _guarded(self, leg: Leg, handler: Callable[..., None], *arguments: object) -> None:
        """An error ends that leg alone."""
        if leg.ending:
            return
        try:
            handler(leg, *arguments)
        except Exception:
            log.exception("leg in slot %d of conference %s", leg.slot, leg.wanted.conference)
            self._hang_up(leg)

    def _deliver(self) -> None:
        for _ in range(_EVENTS_A_TURN):
            if not self._events:
                return
            self._events.popleft()()

    def _count(self) -> None:
        """Close the door while there is no slot, or no socket, for another leg."""
        linger_since = time.monotonic() - LINGER
        while self._ended and self._ended[0] < linger_since:
            self._ended.popleft()
        sockets = 2 * (len(self._legs) + len(self._ended))
        full = len(self._legs) >= self.capacity or sockets + 2 > self._endpoint.most_sockets
        self._endpoint.close_door(full=full or self._closing)

    def _take(self, leg: Leg) -> None:
        """Answer an INVITE."""
        if leg.wanted.play:
            try:
                self._announcements.get(leg.wanted.play)
            except AnnouncementError as exc:
                self._refuse(leg, exc.status, str(exc))
                return
            leg.announcing = True
        self._conferences.enter(leg)
        try:
            with self._endpoint.offering("offer" if leg.has_offer else leg.wanted.srtp):
                leg.call.answer(_answer(200))
        except pj.Error as exc:
            log.info("conference %s: no answer to that offer: %s", leg.wanted.conference, exc.reason)
            self._hang_up(leg, 488)

    def _refuse(self, leg: Leg, status: int, problem: str) -> None:
        log.info("INVITE refused with %d: %s", status, problem)
        refusal = _answer(status)
        header = pj.SipHeader()
        shown = "".join(char if char.isprintable() and char not in '"\\' else "?" for char in problem)
        header.hName, header.hValue = "Warning", f'399 callisto "{shown[:200]}"'
        refusal.txOption.headers.push_back(header)
        leg.call.answer(refusal)
        leg.ending = True

    def _begin(self, leg: Leg) -> None:
        """The ACK has come; with a late offer the media is up only now."""
        leg.began = leg.heard = leg.asked = time.monotonic()
        self._rewire(leg)

    def _rewire(self, leg: Leg) -> None:
        """The media of a leg is there, or is another."""
        leg.port, leg.held, leg.listens = _media(leg.call)
        leg.packets, leg.heard = -1, time.monotonic()
        if leg.player is not None and leg.port is not None:
            leg.player.startTransmit(leg.port)
        elif leg.announcing and leg.confirmed and leg.listens:
            self._play(leg)
        self._conferences.connect(leg)

    def _play(self, leg: Leg) -> None:
        try:
            announcement: Announcement = self._announcements.get(leg.wanted.play)
            player = pj.AudioMediaPlayer()
            player.createPlayer(str(announcement.file), pj.PJMEDIA_FILE_NO_LOOP)
            player.startTransmit(leg.port)
        except AnnouncementError as exc:
            self._played(leg, f"failed: {exc}")
        except pj.Error as exc:
            self._played(leg, f"failed: {exc.reason}")
        else:
            leg.player = player
            leg.until = time.monotonic() + announcement.seconds + _TAIL
            self._playing.append(leg)

    def _until_the_next_end(self) -> float:
        if not self._playing:
            return 60.0
        return max(0.0, min(leg.until for leg in self._playing) - time.monotonic())

    def _end_announcements(self, now: float) -> None:
        if not self._playing:
            return
        for leg in [leg for leg in self._playing if now >= leg.until]:
            self._playing.remove(leg)
            self._guarded(leg, self._played, "played")

    def _played(self, leg: Leg, news: str) -> None:
        leg.player = None
        leg.announcing = False
        self._conferences.connect(leg)
        inform(leg, NEWS, "".join(char if char.isprintable() else "?" for char in news[:300]))

    def _relay(self, leg: Leg, digit: str) -> None:
        self._conferences.relay(leg, digit)

    def _lose(self, leg: Leg) -> None:
        log.warning("the router has no leg of conference %s any more: it is ended", leg.wanted.conference)
        self._hang_up(leg)

    def _hang_up(self, leg: Leg, status: int = 500) -> None:
        """BYE, or a refusal with `status`; its end is reported when the router has answered."""
        if leg.ending:
            return
        leg.ending = True
        self._conferences.leave(leg)
        options = pj.CallOpParam()
        options.statusCode = status
        try:
            leg.call.hangup(options)
        except pj.Error as exc:
            log.info("hanging up the leg in slot %d: %s", leg.slot, exc.reason)

    def _forget(self, leg: Leg) -> None:
        """The library has done with this leg: what it held is freed here, never inside a callback."""
        leg.ending = True
        self._conferences.leave(leg)
        if leg in self._playing:
            self._playing.remove(leg)
        self._quality.left(leg)
        leg.player = leg.port = leg.call = None

    def _watch(self, now: float) -> None:
        """Find the legs whose end nobody reports (pjproject#4992), those nobody speaks on, and those that the
        router has forgotten, because it was restarted."""
        for leg in list(self._legs.values()):
            if not self._endpoint.holds(leg.slot, leg.call.address) or not leg.call.isActive():
                log.warning("the leg in slot %d ended without a word from the library", leg.slot)
                self.gone(leg)
            elif leg.confirmed and not leg.ending:
                self._guarded(leg, self._look_at, now)

    def _look_at(self, leg: Leg, now: float) -> None:
        if leg.announcing and leg.player is None and now - leg.began > LISTENS_WITHIN:
            self._played(leg, "failed: the far end does not listen")
        if self._quality.silent(leg, now):
            inform(leg, NEWS, "silent")
        if now - leg.asked >= self._ask_every:
            leg.asked = now
            question = pj.CallSendRequestParam()
            question.method = "OPTIONS"
            leg.call.sendRequest(question)


def _answer(status: int) -> Any:
    options = pj.CallOpParam(True)
    options.statusCode = status
    options.opt.audioCount = 1
    options.opt.videoCount = 0
    if hasattr(options.opt, "textCount"):  # since 2.17, and 1 unless said otherwise
        options.opt.textCount = 0
    return options


def _wanted(invite: str, offer: str, source: str) -> Wanted:
    """What an INVITE asks for; `offer` is empty for a late one."""
    host = source.rpartition(":")[0]
    if not host.startswith("127.") and local_address(host) != host:
        raise UnwantedError(403, f"media is for the router of this machine, not for {source}")
    asked = wanted.read(invite.split(" ", 2)[1])
    if offer:
        audio = _SDP_AUDIO.search(offer)
        if audio is None:
            raise UnwantedError(488, "the offer has no audio")
        if asked.srtp == "require" and "SAVP" not in audio[1] and "\na=crypto:" not in offer:
            raise UnwantedError(488, "SRTP is required, and the offer has none")
    return asked


def _media(call: Any) -> tuple[Any, bool, bool]:
    """Where a call is on the bridge, None if it has no media; whether its far end holds it, and listens."""
    info = call.getInfo()  # held on to: its parts are part of it
    for media in info.media:
        if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in (
            pj.PJSUA_CALL_MEDIA_ACTIVE,
            pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
        ):
            if media.dir == pj.PJMEDIA_DIR_NONE:
                break  # inactive: nothing is on the bridge, and to ask for it makes the library complain
            held = media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD or not media.dir & pj.PJMEDIA_DIR_DECODING
            try:
                return call.getAudioMedia(-1), held, bool(media.dir & pj.PJMEDIA_DIR_ENCODING)
            except pj.Error:
                break
    return None, True, False
