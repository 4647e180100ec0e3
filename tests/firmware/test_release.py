"""Which release runs, and which of two is the newer one."""

from __future__ import annotations

import configparser
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.release import ReleaseUnknownError, running
from firmware.versions import Version, VersionError, parse_version

numbers = st.integers(0, 999_999)
versions = st.builds(Version, numbers, numbers, numbers) | st.builds(
    Version, numbers, numbers, numbers, st.sampled_from([-4, -3, -2, -1]), numbers
)


def test_the_checkout_says_its_own_version():
    declared = configparser.ConfigParser(interpolation=None)
    declared.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    release = running()
    assert release.version == declared["metadata"]["version"]
    assert release.from_checkout
    assert str(release.parsed) == release.version


def test_what_is_installed_says_its_metadata(tmp_path, monkeypatch):
    monkeypatch.setattr(metadata, "version", {"callisto-appliance": "3.2.1"}.__getitem__)
    release = running(tmp_path)
    assert (release.version, release.from_checkout) == ("3.2.1", False)


@pytest.mark.parametrize(
    "other",
    [b"[metadata]\nname = another\nversion = 9.9.9\n", b"no ini file", b"\xff\xfe", b"[metadata]\nname"],
)
def test_a_strange_setup_cfg_beside_it_is_not_ours(tmp_path, monkeypatch, other):
    (tmp_path / "setup.cfg").write_bytes(other)
    monkeypatch.setattr(metadata, "version", lambda name: "3.2.1")
    assert running(tmp_path).version == "3.2.1"


def test_neither_installed_nor_a_checkout_is_said(tmp_path, monkeypatch):
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    with pytest.raises(ReleaseUnknownError, match="callisto-appliance is not installed"):
        running(tmp_path)


def test_releases_come_in_their_order():
    texts = [
        "0.9",
        "1.4.0.dev1",
        "1.4.0a1",
        "1.4.0a2",
        "1.4.0b1",
        "1.4.0rc1",
        "1.4",
        "1.4.1",
        "1.10.0",
        "2.0.0",
    ]
    assert sorted(texts, key=parse_version) == texts
    assert parse_version("1.4") == parse_version("1.4.0")


@given(versions)
def test_a_version_is_read_as_it_is_written(version):
    assert parse_version(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "v1.4.0", "1.4.0.0", "1.4.0rc", "1.4.0-1", "1.4.0+x", "١.٤", "1.4.0\n2"]
)
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(VersionError, match="such as"):
        parse_version(text)


@given(st.text(max_size=30))
def test_any_text_is_a_version_or_refused(text):
    try:
        version = parse_version(text)
    except VersionError as refusal:
        assert str(refusal).isascii()  # noqa: PT017
    else:
        assert parse_version(str(version)) == version
