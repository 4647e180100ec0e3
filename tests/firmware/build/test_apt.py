"""Debian's own sources among those of a machine, and no others."""

from __future__ import annotations

from firmware.build import apt

DEBIAN = """\
Types: deb deb-src
# A comment in between.
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
 bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
"""


def test_stanzas_become_lines_of_the_suites_that_we_use() -> None:
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert apt.chosen({"/etc/apt/sources.list.d/debian.sources": DEBIAN}).splitlines() == [
        f"deb {key} http://mirror.example/debian bookworm main",
        f"deb {key} http://mirror.example/debian bookworm-updates main",
        "deb http://security.example/debian-security bookworm-security main",
    ]


def test_lines_are_taken_with_their_options() -> None:
    text = "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main non-free # here\n"
    assert apt.chosen({"sources.list": text}) == (
        "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian bookworm main\n"
    )


def test_whatever_is_not_debians_stays_out() -> None:
    others = {
        "cloud.list": "deb https://packages.example/apt cloud-sdk-bookworm main\n",
        "node.sources": "Types: deb\nURIs: https://deb.example/node\nSuites: nodistro\nComponents: main\n",
        "off.sources": "Enabled: no\n" + DEBIAN.split("\n\n", 1)[0] + "\n",
        "old.list": "deb http://mirror.example/debian bullseye main\n#deb http://x.example bookworm main\n",
        "source.list": "deb-src http://mirror.example/debian bookworm main\n",
    }
    assert apt.chosen(others) == ""


def test_the_names_of_the_mirrors_are_known() -> None:
    assert apt.hosts(apt.chosen({"debian.sources": DEBIAN})) == {"mirror.example", "security.example"}
