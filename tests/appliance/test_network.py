"""The machine's network as the kernel tells it, from files of our own where they can be."""

from __future__ import annotations

from pathlib import Path

from appliance import network

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask
eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000
eth0\t00000000\t020200C0\t0003\t0\t0\t100\t00000000
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF
"""
ROUTES6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
)


def test_the_gateway_is_that_of_the_smallest_metric(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/route").write_text(ROUTES)
    assert network.gateway(tmp_path) == "192.0.2.2 (eth0)"


def test_one_of_ipv6_counts_where_ipv4_has_none(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/ipv6_route").write_text(ROUTES6)
    assert network.gateway(tmp_path) == "fe80::1 (eth0)"


def test_nothing_to_read_is_nothing_known(tmp_path: Path) -> None:
    assert network.gateway(tmp_path) == ""
    assert network.name_servers(tmp_path / "none") == ()


def test_name_servers_are_read_and_comments_are_not(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.53\nnameserver fd00::53\n")
    assert network.name_servers(file) == ("192.0.2.53", "fd00::53")


def test_loopback_is_there_with_its_address() -> None:
    loopback = next(each for each in network.links() if each.is_loopback)
    assert "127.0.0.1" in loopback.addresses
    assert network.facts().keys() == {"interfaces", "gateway", "name_servers"}
