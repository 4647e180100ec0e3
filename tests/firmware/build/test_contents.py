"""What an image says of its contents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.build import bundle, contents, sbom, wheels
from firmware.build.contents import Package
from firmware.build.recipe import Recipe
from firmware.build.running import BuildError

RECIPE = Recipe("1.4.0", "cloud", fast=False, epoch=1_700_000_000)
STATUS = """\
Package: rauc
Status: install ok installed
Maintainer: Debian RAUC Team <rauc@lists.example>
Version: 1.8-2
Homepage: https://rauc.example/
Description: updates
 over several lines

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libc6
Status: install ok installed
Version: 2.36-9+deb12u14
"""
METADATA = """\
Metadata-Version: 2.4
Name: asyncssh
Version: 2.24.1
License-Expression: EPL-2.0 OR GPL-2.0-or-later
Project-URL: Homepage, https://asyncssh.example

Text: this is no field
"""


def test_debians_packages_are_those_that_are_installed() -> None:
    assert contents.of_status(STATUS) == (
        Package("deb", "rauc", "1.8-2", "Debian RAUC Team <rauc@lists.example>", "", "https://rauc.example/"),
        Package("deb", "libc6", "2.36-9+deb12u14"),
    )


def test_a_wheel_tells_its_licence() -> None:
    found = contents.of_metadata(METADATA)
    assert (found.name, found.version) == ("asyncssh", "2.24.1")
    assert found.licence == "EPL-2.0 OR GPL-2.0-or-later"
    assert found.home == "https://asyncssh.example"
    assert contents.of_metadata(METADATA.replace("-Expression: EPL-2.0", ": The\n whole text")).licence == ""


def test_the_bill_of_materials_is_spdx_and_the_same_each_time() -> None:
    packages = (*contents.of_status(STATUS), contents.of_metadata(METADATA))
    raw = sbom.document(RECIPE, packages, "ab" * 32)
    assert raw == sbom.document(RECIPE, packages, "ab" * 32)
    document = json.loads(raw)
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    by_name = {one["name"]: one for one in document["packages"]}
    assert by_name["rauc"]["supplier"] == "Organization: Debian RAUC Team (rauc@lists.example)"
    assert by_name["libc6"]["externalRefs"][0]["referenceLocator"] == (
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?distro=debian-12"
    )
    assert by_name["asyncssh"]["licenseDeclared"] == "EPL-2.0 OR GPL-2.0-or-later"
    identities = {one["SPDXID"] for one in document["packages"]}
    assert len(identities) == len(document["packages"])
    contained = {
        one["relatedSpdxElement"]
        for one in document["relationships"]
        if one["relationshipType"] == "CONTAINS"
    }
    assert contained == identities - {"SPDXRef-image"}


def test_an_update_names_its_machines_and_its_schema() -> None:
    said = bundle.described(RECIPE, "system", bundle.Store("0004", "0001"))
    assert (said.compatible, said.version, said.restart) == ("callisto-x86_64", "1.4.0", "reboot")
    assert (said.schema, said.oldest_schema, said.kernel) == ("0004", "0001", "cloud")
    alone = bundle.described(RECIPE, "application", bundle.Store("0004", "0001"))
    assert (alone.compatible, alone.base, alone.kernel) == ("callisto-app-x86_64", "debian12-python3.11", "")


def test_the_schema_is_that_of_the_newest_migration(tmp_path: Path) -> None:
    versions = tmp_path / "db/migrations/versions"
    versions.mkdir(parents=True)
    with pytest.raises(BuildError):
        bundle.store(tmp_path)
    for name in ("__init__.py", "v0001_first.py", "v0003_third.py", "v0002_second.py"):
        (versions / name).touch()
    assert bundle.store(tmp_path) == bundle.Store("0003", "0001")


def test_a_release_for_trying_has_its_own_version_everywhere() -> None:
    assert wheels.of_release("[metadata]\nversion = 0.1.0\nname = x\n", "9.0.0") == (
        "[metadata]\nversion = 9.0.0\nname = x\n"
    )
    with pytest.raises(BuildError):
        wheels.of_release("[metadata]\nname = x\n", "9.0.0")
    recipe = Recipe("9.0.0", "cloud", fast=True, epoch=1)
    assert (recipe.name, recipe.application) == ("callisto-9.0.0-cloud-fast", "callisto-9.0.0.app.raucb")
