"""The software bill of materials: SPDX 2.3 as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from firmware.build.contents import Package
from firmware.build.recipe import PRODUCT, Recipe

NOT_SAID = "NOASSERTION"
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def document(recipe: Recipe, packages: Iterable[Package], slot_sha256: str) -> bytes:
    """The same packages give the same bytes."""
    root: dict[str, Any] = {
        "SPDXID": "SPDXRef-image",
        "name": f"{PRODUCT}-{recipe.kernel}",
        "versionInfo": recipe.version,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "downloadLocation": NOT_SAID,
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": slot_sha256}],
        "licenseConcluded": NOT_SAID,
        "licenseDeclared": NOT_SAID,
        "copyrightText": NOT_SAID,
    }
    described = [_package(one) for one in packages]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": recipe.name,
        "documentNamespace": f"https://callisto-appliance.invalid/spdx/{recipe.name}-{slot_sha256}",
        "creationInfo": {
            "created": datetime.fromtimestamp(recipe.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {PRODUCT}-image-{recipe.version}"],
        },
        "packages": [root, *described],
        "relationships": [
            _relationship("SPDXRef-DOCUMENT", "DESCRIBES", root["SPDXID"]),
            *(_relationship(root["SPDXID"], "CONTAINS", one["SPDXID"]) for one in described),
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _package(one: Package) -> dict[str, Any]:
    namespace = "debian/" if one.kind == "deb" else ""
    where = f"pkg:{one.kind}/{namespace}{quote(one.name)}@{quote(one.version)}"
    if one.kind == "deb":
        where += "?distro=debian-12"
    return {
        "SPDXID": re.sub(r"[^A-Za-z0-9.-]", "-", f"SPDXRef-{one.kind}-{one.name}"),
        "name": one.name,
        "versionInfo": one.version,
        "supplier": _supplier(one.supplier),
        "homepage": one.home or NOT_SAID,
        "downloadLocation": NOT_SAID,
        "filesAnalyzed": False,
        "licenseConcluded": NOT_SAID,
        "licenseDeclared": one.licence if _EXPRESSION.fullmatch(one.licence) else NOT_SAID,
        "copyrightText": NOT_SAID,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": where,
            }
        ],
    }


def _supplier(text: str) -> str:
    if not text:
        return NOT_SAID
    name, _, address = text.partition("<")
    address = address.partition(">")[0].strip()
    kind = "Organization" if re.search(r"team|maintainers|project|group", name, re.IGNORECASE) else "Person"
    return f"{kind}: {name.strip() or address}{f' ({address})' if address and name.strip() else ''}"


def _relationship(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
