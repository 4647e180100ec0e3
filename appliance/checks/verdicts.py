"""What the facts that a check has gathered mean, and what to do about them. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from shell.checks_ports import CheckState

MEMORY_WARN, MEMORY_FAIL = 0.10, 0.03
DISK_WARN, DISK_FAIL = 0.15, 0.05
DISK_LEAST_MB = 200
"""Less free than this fails on the largest disk too: a store, a bundle and a capture must find room."""
INODES_WARN, INODES_FAIL = 0.10, 0.02
LOAD_WARN = 2.0
"""Processes that want to run, for each processor."""
SPOOL_WARN = 1000
"""Call records that wait: some wait for a second in ordinary work."""
OFFSET_WARN, OFFSET_FAIL = 1.0, 60.0
"""Seconds."""
CERTIFICATE_WARN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    state: CheckState
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. `up`: None where the kernel does not tell."""

    name: str
    up: bool | None
    addresses: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        return self.name == "lo"


@dataclass(frozen=True, slots=True)
class Page:
    """What the web server gave."""

    status: int
    has_form: bool
    took_s: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """`what`: the setting that names it. `problem`: why `expires` is not known."""

    what: str
    subject: str = ""
    expires: datetime | None = None
    problem: str = ""


def ok(found: str) -> Finding:
    return Finding("ok", found)


def skipped(why: str, remedy: str = "") -> Finding:
    return Finding("skipped", why, remedy)


# The machine


def memory(total_mb: int, free_mb: int) -> Finding:
    found = f"{free_mb} MB of {total_mb} MB free"
    return _share(
        free_mb / total_mb if total_mb else 0.0,
        MEMORY_WARN,
        MEMORY_FAIL,
        found,
        "show info names the processes and what they take; stop what is not the appliance's, or add memory",
    )


def processors(count: int, load: Sequence[float]) -> Finding:
    """`load`: averages over 1, 5 and 15 minutes."""
    middle = load[1] if len(load) > 1 else 0.0
    found = f"{count}, load {middle:.2f} over five minutes"
    if count and middle / count > LOAD_WARN:
        return Finding("warn", found, "something keeps the processors busy: look at the processes with top")
    return ok(found)


def disk(total_mb: int, free_mb: int) -> Finding:
    found = f"{free_mb} MB of {total_mb} MB free"
    remedy = "make room: show traces and the page Files list captures and support bundles to delete"
    if free_mb < DISK_LEAST_MB:
        return Finding("fail", found, remedy)
    return _share(free_mb / total_mb if total_mb else 0.0, DISK_WARN, DISK_FAIL, found, remedy)


def inodes(total: int, free: int) -> Finding:
    """`total` 0: the file system makes them as they are needed (btrfs)."""
    if not total:
        return ok("this file system makes them as they are needed")
    return _share(
        free / total,
        INODES_WARN,
        INODES_FAIL,
        f"{free} of {total} free",
        "files, not bytes, have filled the disk: find and delete the folder with very many small ones",
    )


def writable(problem: str) -> Finding:
    """`problem`: why a file could not be written into the state folder, read back and removed."""
    if not problem:
        return ok("a file was written, read back and removed")
    return Finding(
        "fail", problem, "the folder must belong to the user who runs the appliance, and have room"
    )


# The network


def link(links: Sequence[Link], listen: str) -> Finding:
    outside = [each for each in links if not each.is_loopback]
    up = [each.name for each in outside if each.up is not False and (each.up or each.addresses)]
    if up:
        return ok(f"up: {', '.join(up)}")
    if _loopback(listen):
        return skipped(f"the appliance listens on {listen}, for this machine alone")
    names = ", ".join(each.name for each in outside)
    found = f"down: {names}" if names else "there is no interface but loopback"
    return Finding("fail", found, "check the cable and the switch, or the network of the virtual machine")


def address(links: Sequence[Link], listen: str) -> Finding:
    if _loopback(listen):
        return ok(f"{listen}: only this machine can reach the appliance")
    known = [one for each in links if not each.is_loopback for one in each.addresses]
    if ip_address(listen).is_unspecified:
        if known:
            return ok(", ".join(known))
        return Finding("fail", "no interface has an address", "give the machine one, by DHCP or by hand")
    if listen in known:
        return ok(listen)
    return Finding(
        "fail",
        f"{listen} is no address of this machine any more; it has {', '.join(known) or 'none'}",
        "set listen in callisto.toml (CALLISTO_LISTEN) to an address of this machine, and start it anew",
    )


def gateway(found: str, listen: str) -> Finding:
    if found:
        return ok(found)
    if _loopback(listen):
        return skipped(f"none, and the appliance listens on {listen}, for this machine alone")
    return Finding("warn", "none", "without one nothing outside of this network can be reached: set one")


def name_servers(found: Sequence[str], names: Sequence[str]) -> Finding:
    """`names`: of the hosts that somebody has configured by name."""
    if found:
        return ok(", ".join(found))
    if not names:
        return skipped("none, and nothing is configured by name")
    return Finding(
        "fail", f"none, but {', '.join(names)} is a name", "name one in /etc/resolv.conf, or use addresses"
    )


# Our own doors


def login_page(page: Page | str) -> Finding:
    """A text says why there is none."""
    remedy = "callisto status shows the service web; its log says why"
    if isinstance(page, str):
        return Finding("fail", page, remedy)
    if page.status != 200 or not page.has_form:
        found = "a page without the login form" if page.status == 200 else "not the login window"
        return Finding("fail", f"HTTP status {page.status}, {found}", remedy)
    return ok(f"it answers after {page.took_s * 1000:.0f} ms")


def telnet(said: str, problem: str = "") -> Finding:
    if problem:
        return Finding("fail", problem, "show info shows the service shell; its log says why")
    if "Username" in said:
        return ok("it asks for the user name")
    return Finding("fail", "it answers, but does not ask for a user name", "the log of shell says why")


def sip(status_line: str, problem: str = "") -> Finding:
    """403 is an answer too: this machine need not be among the networks that may call."""
    if problem:
        return Finding("fail", problem, "show info shows the service router; its log says why")
    return ok(f"OPTIONS is answered with {status_line}")


# The PBX


def pbx_configured(names: Sequence[str]) -> Finding:
    if names:
        return ok(", ".join(names))
    return Finding(
        "warn",
        "no PBX: calls come from the configured networks only, and none can be passed on to a PBX",
        "name it as [[peer]] in callisto.toml, or in CALLISTO_PEERS, and start the appliance anew",
    )


def pbx_reachable(peers: Sequence[Mapping[str, object]], *, router: bool) -> Finding:
    """`peers`: as in the status. `router`: whether that service is ready, which knows."""
    if not peers:
        return skipped("no PBX is configured")
    if not router:
        return Finding("fail", "the router is not ready, so nobody knows", "look at the service router first")
    said = ", ".join(f"{each.get('name')} {_reach(each)}" for each in peers)
    bad = [each for each in peers if each.get("state") == "down" or each.get("registered") is False]
    if bad:
        every = all(each.get("state") == "down" for each in peers)
        return Finding(
            "fail" if every or any(each.get("registered") is False for each in bad) else "warn",
            said,
            "check address and transport of the peer, that the PBX knows this machine, and user and password",
        )
    if all(each.get("state") != "up" for each in peers):
        return skipped(f"{said}: nothing has been sent to it yet (ping_s is 0, or it was asked just now)")
    return ok(said)


def _reach(peer: Mapping[str, object]) -> str:
    words = str(peer.get("state"))
    if peer.get("registered") is False:
        words += ", not registered"
    return f"{words} ({peer.get('problem')})" if peer.get("problem") else words


# The store, and what goes into it


def store(findings: Sequence[str], size_mb: float, took_s: float) -> Finding:
    if not findings:
        return ok(f"sound; {size_mb:.1f} MB looked through in {took_s:.1f} s")
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Finding(
        "fail",
        f"damaged: {findings[0]}{more}",
        "calls go on by the last table; keep the store's files as they are, and put a good copy in place",
    )


def foreign_keys(broken: Sequence[str]) -> Finding:
    if not broken:
        return ok("every row that is referred to is there")
    return Finding(
        "fail",
        f"rows refer to what is not there: {', '.join(broken[:3])}",
        "callisto export writes what can be read; import of the mended file makes it whole",
    )


def call_records(pending: int, failed: int, error: str) -> Finding:
    if error:
        remedy = "they wait in the spool and are taken in when the store is back"
        return Finding("warn", f"{pending} wait: {error}", remedy)
    if failed:
        return Finding(
            "fail",
            f"{failed} could not be written",
            "look at room and rights of the folder spool in the state",
        )
    if pending > SPOOL_WARN:
        return Finding(
            "warn", f"{pending} wait to be stored", "if they grow, the store is too slow: its disk?"
        )
    return ok(f"{pending} wait to be stored" if pending else "all are in the store")


# Time and certificates


def time_in_step(server: str, problem: str, offset_s: float | None) -> Finding:
    """`problem`: why the server gave no time."""
    if not server:
        return skipped("there is no time server", "set gTimeServer NAME")
    if problem or offset_s is None:
        return Finding(
            "warn",
            f"{server} gives no time: {problem or 'it said nothing'}",
            "check gTimeServer, and that UDP port 123 may go out",
        )
    found = f"{abs(offset_s):.3f} s {'behind' if offset_s > 0 else 'ahead of'} {server}"
    if abs(offset_s) <= OFFSET_WARN:
        return ok(found)
    return Finding(
        "fail" if abs(offset_s) > OFFSET_FAIL else "warn",
        found,
        "clock sync on keeps the time by the server; clock set puts it right by hand",
    )


def certificates(known: Sequence[Certificate], now: datetime) -> Finding:
    if not known:
        return skipped("no certificate is configured")
    for one in known:
        if one.problem or one.expires is None:
            return Finding("fail", f"{one.what}: {one.problem or 'no end'}", "put a readable PEM file there")
    first = min(known, key=lambda one: one.expires or now)
    assert first.expires is not None
    left = first.expires - now
    found = f"{first.what} ({first.subject or 'no name'}) ends on {first.expires:%Y-%m-%d}"
    if left <= timedelta(0):
        return Finding("fail", f"{found}: it has expired", _RENEW)
    if left <= CERTIFICATE_WARN:
        return Finding("warn", f"{found}, in {left.days} days", _RENEW)
    return ok(f"{found}, in {left.days} days")


_RENEW = "put a new certificate in its place, and restart the appliance"


# The processes


def services(states: Sequence[tuple[str, str]]) -> Finding:
    """Names and states."""
    bad = [f"{name} is {state}" for name, state in states if state != "ready"]
    if bad:
        return Finding("fail", ", ".join(bad), "the log says why; callisto status shows how it ended last")
    return ok(", ".join(name for name, _ in states))


def routing_table(written: datetime | None, used: datetime | None, error: str) -> Finding:
    """`written`: the file as it is; `used`: that of the router, None when it tells nothing; `error`: why the
    store cannot be followed."""
    if written is None:
        return Finding("fail", "there is none: every call is refused", "look at the store; the log says why")
    of = f"of {written:%Y-%m-%d %H:%M}"
    if error:
        return Finding("warn", f"{of}; the store cannot be followed: {error}", "look at the store first")
    if used is None:
        return Finding("fail", f"{of}; the router has none", "look at the service router; its log says why")
    if abs(written - used) > timedelta(seconds=2):
        return Finding(
            "warn", f"{of}; the router still uses that of {used:%Y-%m-%d %H:%M}", "its log says why"
        )
    return ok(f"{of}, and the router uses it")


def _loopback(listen: str) -> bool:
    return ip_address(listen).is_loopback


def _share(share: float, warn: float, fail: float, found: str, remedy: str) -> Finding:
    if share < fail:
        return Finding("fail", found, remedy)
    if share < warn:
        return Finding("warn", found, remedy)
    return ok(found)
