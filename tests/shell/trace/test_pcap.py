"""A capture as a file for tshark."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.trace.export import json_lines
from shell.trace.pcap import blocks, pcap
from shell.trace.record import Record
from tests import needs
from tests.shell.trace.messages import RECORDS, SDP, START, a_call, message, sip

FIELDS = (
    "_ws.col.Protocol",
    "sip.Method",
    "sip.Status-Code",
    "sip.Call-ID",
    "ip.src",
    "udp.srcport",
    "frame.time_epoch",
)
PROBLEMS = "ip.checksum.status == 0 or udp.checksum.status == 0 or tcp.checksum.status == 0 or _ws.malformed"


def tshark(path: Path, *fields: str, only: str = "") -> list[list[str]]:
    command = [needs.program("tshark"), "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t"]
    for check in ("ip.check_checksum", "udp.check_checksum", "tcp.check_checksum"):
        command += ["-o", f"{check}:TRUE"]
    for name in fields:
        command += ["-e", name]
    if only:
        command += ["-Y", only]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("\t") for line in ran.stdout.splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "call.pcap"


def shown(file: Path, records: Sequence[Record]) -> list[tuple[str, str]]:
    """Method or status, and Call-ID, of every SIP message that tshark finds."""
    file.write_bytes(pcap(records))
    assert tshark(file, "frame.number", only=PROBLEMS) == []
    found = tshark(file, "sip.Method", "sip.Status-Code", "sip.Call-ID", only="sip")
    return [(method or status, call_id) for method, status, call_id in found]


WANTED = [
    *[("INVITE", "c1"), ("100", "c1"), ("INVITE", "m1"), ("200", "m1"), ("INVITE", "c2"), ("INVITE", "c2")],
    *[
        ("180", "c2"),
        ("INVITE", "c3"),
        ("486", "c3"),
        ("200", "c2"),
        ("200", "c1"),
        ("BYE", "c1"),
        ("200", "c1"),
    ],
]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_tshark_shows_the_call(file: Path, transport: str) -> None:
    def over(record: Record) -> Record:
        return record if record.sip is None else replace(record, sip=replace(record.sip, transport=transport))

    assert shown(file, [over(record) for record in a_call()]) == WANTED


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_tshark_shows_calls_of_other_ports_and_of_ipv6(file: Path, transport: str) -> None:
    records = [
        replace(
            each, sip=replace(each.sip, local="[fd00::1]:5061", remote="[fd00::2]:39999", transport=transport)
        )
        for each in a_call()
        if each.sip is not None
    ]
    assert shown(file, records) == WANTED
    assert tshark(file, "ipv6.src", only="sip")[0] == ["fd00::2"]


def test_tshark_shows_when_and_between_whom(file: Path) -> None:
    file.write_bytes(pcap(a_call()))
    first = tshark(file, *FIELDS)[0]
    assert first[:2] == ["SIP/SDP", "INVITE"]
    assert first[4:6] == ["10.0.0.9", "5070"]
    assert float(first[6]) == START


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_big_message_is_one_message(file: Path, transport: str) -> None:
    big = SDP + "a=x\r\n" * 4000
    raw = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE", sdp=big)
    after = message("BYE sip:300@10.0.0.1 SIP/2.0", "c1", "2 BYE", tag="x")
    records = [
        sip(at, "in", "10.0.0.9:5070", each, transport=transport) for at, each in enumerate((raw, after))
    ]
    assert shown(file, records) == [("INVITE", "c1"), ("BYE", "c1")]


def test_a_message_that_no_datagram_could_carry_is_cut(file: Path) -> None:
    raw = message("INVITE sip:300@10.0.0.1 SIP/2.0", "c1", "1 INVITE") + "x" * 100_000
    file.write_bytes(pcap([sip(0, "in", "10.0.0.9:5070", raw), sip(1, "in", "10.0.0.9:5070", raw)]))
    assert tshark(file, "sip.Method") == [["INVITE"], ["INVITE"]]


@given(st.lists(RECORDS, max_size=8))
def test_whatever_the_records_the_file_is_one(records: list[Record]) -> None:
    data = pcap(records)
    assert data == b"".join(blocks(records))
    at, packets = 24, 0
    while at < len(data):
        _, micro, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length <= 65_535
        assert micro < 1_000_000
        at += 16 + kept
        packets += 1
    assert at == len(data)
    assert packets >= len([record for record in records if record.sip and record.sip.transport != "tcp"])


@given(st.lists(RECORDS, max_size=5))
def test_as_json_each_record_is_an_object_on_a_line_of_its_own(records: list[Record]) -> None:
    lines = list(json_lines(records))
    assert len(lines) == len(records)
    for line, record in zip(lines, records, strict=True):
        line.encode()
        assert line.count("\n") == 1
        told = json.loads(line)
        assert told["unix"] == record.at
        assert set(told) == {"at", "unix", "process", "level", "group", "text", "call", "numbers", "sip"}
        assert (told["sip"] is None) == (record.sip is None)


def test_as_json_a_message_is_whole() -> None:
    record = sip(0, "in", "10.0.0.9:5070", "MESSAGE x SIP/2.0\r\nSubject: é\udcff\r\n\r\n", leg="c1")
    (line,) = json_lines([record])
    told = json.loads(line)
    assert told["at"] == "2025-11-22T21:35:12.000000+00:00"
    assert told["sip"]["raw"] == "MESSAGE x SIP/2.0\r\nSubject: é\\xff\r\n\r\n"
    assert told["sip"]["call_id"] == "c1"
