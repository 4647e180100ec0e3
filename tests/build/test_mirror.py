"""Which mirror, which part of which package: read from what apt has and prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.pjsua.build import mirror

DEB822 = """\
Types: deb
# a comment between the fields
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main
"""

PRINTED = """\
Reading package lists...
NOTICE: 'asterisk' packaging is maintained in the 'Git' version control system at:
'http://a.example/pool/asterisk_22.1.orig-Xmp3.tar.xz' asterisk_22.1.orig-Xmp3.tar.xz 22024 SHA256:a5316a4c
'http://a.example/pool/asterisk_22.1%7ecs6.orig-Xpjproject.tar.xz' asterisk_22.1~cs6.orig-Xpjproject.tar.xz 6775552 SHA256:6860c2f7
'http://a.example/pool/asterisk_22.1.orig.tar.xz' asterisk_22.1.orig.tar.xz 6218652 SHA256:03e7a8ad
"""  # noqa: E501 - as apt prints it


def test_the_mirror_of_the_own_release_is_taken_not_the_one_of_security_updates() -> None:
    entries = mirror.deb822_entries(DEB822)
    assert mirror.debian_mirror(reversed(entries), "bookworm") == "http://archive.example/debian"


@pytest.mark.parametrize(
    "line",
    [
        "deb http://archive.example/debian/ bookworm main",
        "deb [arch=amd64 signed-by=/k.gpg] http://archive.example/debian bookworm main contrib",
        "deb-src  http://archive.example/debian\tbookworm  contrib main  # ours",
    ],
)
def test_the_one_line_form_gives_the_same_mirror(line: str) -> None:
    entries = mirror.one_line_entries(f"# deb http://other.example/debian bookworm main\n{line}\n")
    assert mirror.debian_mirror(entries, "bookworm") == "http://archive.example/debian"


def test_a_stanza_that_is_switched_off_does_not_count() -> None:
    assert mirror.deb822_entries("Enabled: no\n" + DEB822.split("\n\n", 1)[0]) == ()


@pytest.mark.parametrize(
    "line",
    [
        "deb https://packages.example/other stable contrib",
        "deb cdrom:[Debian_12]/ bookworm main",
        "deb https://deb.example/node nodistro main",
    ],
)
def test_what_is_no_debian_archive_on_a_network_is_passed_over(line: str) -> None:
    assert mirror.debian_mirror(mirror.one_line_entries(line), "bookworm") is None


def test_fields_may_go_on_in_the_next_line() -> None:
    folded = (
        DEB822.split("\n\n", 1)[0]
        .replace("URIs: ", "URIs:\n ")
        .replace("Suites: bookworm ", "Suites: bookworm\n ")
    )
    assert mirror.debian_mirror(mirror.deb822_entries(folded), "bookworm") == "http://archive.example/debian"


def test_the_pjproject_part_is_found_by_its_name_whatever_its_version() -> None:
    found = mirror.pjproject_component(PRINTED)
    assert found == mirror.Component(
        "http://a.example/pool/asterisk_22.1%7ecs6.orig-Xpjproject.tar.xz",
        "asterisk_22.1~cs6.orig-Xpjproject.tar.xz",
        6775552,
        "SHA256:6860c2f7",
    )


def test_a_part_without_a_strong_checksum_is_not_taken() -> None:
    assert mirror.pjproject_component(PRINTED.replace("SHA256:6860c2f7", "MD5Sum:6860c2f7")) is None


def test_the_sources_are_signed_by_debian_and_by_nothing_less() -> None:
    line = mirror.source_line("http://archive.example/debian")
    assert line.startswith("deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ")
    assert "trusted" not in line


@given(st.text())
def test_any_sources_list_is_read_without_an_error(text: str) -> None:
    mirror.debian_mirror((*mirror.one_line_entries(text), *mirror.deb822_entries(text)), "bookworm")
