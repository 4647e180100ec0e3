"""HTTPS beside HTTP: real handshakes, good and bad, and who is sent from one port to the other."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from appliance.making_certificates import make
from appliance.web.app import create_app
from appliance.web.connections import Limits
from appliance.web.server import WebServer, encrypted, start
from shell.telnet.tls import server_context
from tests.appliance.web.office import Office, key_of

HOST = "127.0.0.1"
STRANGER = ("192.0.2.7", 50000)


@dataclass
class Place:
    server: WebServer
    crt: Path
    key: Path

    def renew(self) -> None:
        make(self.crt, self.key, names=("callisto",), addresses=(HOST,), now=datetime.now(UTC), days=9)

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"https://{HOST}:{self.server.tls_port}", verify=self.trust())

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.crt))


@pytest.fixture
async def place(office: Office, tmp_path: Path) -> AsyncIterator[Place]:
    crt, key = tmp_path / "tls" / "web.crt", tmp_path / "tls" / "web.key"
    make(crt, key, names=("callisto",), addresses=(HOST,), now=datetime.now(UTC), days=9)
    tls = encrypted(0, lambda: server_context(crt, key))
    server = await start(office.app(), HOST, 0, Limits(finish_within_s=1), tls)
    yield Place(server, crt, key)
    await server.close()


def stranger(office: Office, scheme: str, tls_port: int = 8443) -> httpx.AsyncClient:
    app = create_app(office.services(), tls_port)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=STRANGER), base_url=f"{scheme}://callisto:8080"
    )


async def test_a_whole_visit_over_tls_keeps_its_cookies_to_tls(place: Place) -> None:
    async with place.browser() as http:
        page = await http.get("/login")
        fields = {"key": key_of(page), "user": "admin", "password": "correct horse"}
        inside = await http.post("/login", data=fields)
        assert "Secure" in page.headers["set-cookie"]
        assert "Secure" in inside.headers["set-cookie"]
        assert "All is well" in (await http.get("/")).text
        out = await http.post("/logout", data={"key": key_of(await http.get("/"))})
        assert "Secure" in out.headers["set-cookie"]


async def test_both_ports_answer(place: Place) -> None:
    async with httpx.AsyncClient() as http, place.browser() as https:
        assert (await http.get(f"http://{HOST}:{place.server.port}/healthz")).text == "ok\n"
        assert (await https.get("/healthz")).text == "ok\n"


async def test_a_new_certificate_serves_the_next_visitor(place: Place) -> None:
    before = place.trust()
    place.renew()
    async with place.browser() as http:
        assert (await http.get("/healthz")).status_code == 200
    async with httpx.AsyncClient(verify=before) as http:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await http.get(f"https://{HOST}:{place.server.tls_port}/healthz")


async def test_old_tls_is_refused(place: Place) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(HOST, place.server.tls_port, ssl=old)


async def test_plain_http_on_the_port_of_https_is_told(place: Place) -> None:
    async with httpx.AsyncClient() as http:
        page = await http.get(f"http://{HOST}:{place.server.tls_port}/")
    assert (page.status_code, "https://" in page.text) == (400, True)


async def test_whoever_hangs_in_his_handshake_keeps_nobody_out(place: Place) -> None:
    held = [await asyncio.open_connection(HOST, place.server.tls_port) for _ in range(10)]
    for _, writer in held[:5]:
        writer.write(b"\x16\x03\x01\x02\x00")
    async with place.browser() as http:
        assert (await http.get("/healthz")).status_code == 200
    for _, writer in held:
        writer.close()


async def test_handshakes_of_rubbish_harm_nobody(place: Place) -> None:
    chance = random.Random(443)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = place.trust().wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    for _ in range(150):
        wrong = bytearray(hello[: chance.randint(1, len(hello))])
        for _ in range(chance.randint(1, 8)):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        reader, writer = await asyncio.open_connection(HOST, place.server.tls_port)
        writer.write(bytes(wrong) + chance.randbytes(chance.randint(0, 64)))
        writer.write_eof()
        try:
            async with asyncio.timeout(20):
                assert b" 200 " not in await reader.read()
        except ConnectionError:
            pass
        writer.close()
    async with place.browser() as http:
        assert (await http.get("/healthz")).status_code == 200


async def test_a_taken_port_is_an_error_and_frees_the_other(office: Office, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken, socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        other.close()
        tls = encrypted(taken.getsockname()[1], ssl.create_default_context)
        with pytest.raises(OSError, match="in use"):
            await start(office.app(), HOST, port, tls=tls)
        with socket.create_server((HOST, port)):
            pass


async def test_closing_ends_both_ports_and_a_handshake_under_way(place: Place) -> None:
    reader, writer = await asyncio.open_connection(HOST, place.server.tls_port)
    writer.write(b"\x16\x03\x01")
    async with asyncio.timeout(20):
        await place.server.close()
        with contextlib.suppress(ConnectionError):
            assert b" 200 " not in await reader.read()
    writer.close()
    for port in (place.server.port, place.server.tls_port):
        with socket.create_server((HOST, port)):
            pass


async def test_a_stranger_is_sent_to_https(office: Office) -> None:
    async with stranger(office, "http") as http:
        found = await http.get("/login?reason=out")
        assert (found.status_code, found.headers["location"]) == (
            307,
            "https://callisto:8443/login?reason=out",
        )
        assert "strict-transport-security" not in found.headers
    async with stranger(office, "http", 443) as http:
        assert (await http.get("http://callisto:8080//evil")).headers["location"] == "https://callisto//evil"


async def test_what_a_stranger_posts_in_the_clear_is_not_taken(office: Office) -> None:
    async with stranger(office, "http") as http:
        assert (await http.post("/login", data={"user": "admin"})).status_code == 400
    assert office.verified == []


@pytest.mark.parametrize("host", ["a b", "x/..", "user@evil", "evil:99:1", "[::1", 'x"><script>'])
async def test_a_hostile_host_is_repeated_to_nobody(office: Office, host: str) -> None:
    async with stranger(office, "http") as http:
        found = await http.get("/", headers={"host": host})
    assert (found.status_code, "location" in found.headers) == (400, False)


async def test_only_tls_promises_tls(office: Office) -> None:
    async with stranger(office, "https") as https, stranger(office, "http", 0) as http:
        assert "max-age" in (await https.get("/login")).headers["strict-transport-security"]
        plain = await http.get("/login")
        assert (plain.status_code, "strict-transport-security" in plain.headers) == (200, False)


async def test_this_machine_itself_may_use_http(office: Office) -> None:
    app = create_app(office.services(), 8443)
    for client in (("127.0.0.1", 5), ("::1", 5)):
        transport = httpx.ASGITransport(app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            assert (await http.get("/login")).status_code == 200
