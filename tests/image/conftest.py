"""The image under test: that of `make image KERNEL=cloud ARGS=--fast`, brought up to date once for a run.

Tests with a mark `image` take minutes and run with `make test-image`; the others run where there is a root
file system already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.build import keys
from tests import needs
from tests.image.releases import Releases

CHECKOUT = Path(__file__).resolve().parents[2]
OUTPUT = CHECKOUT / "build" / "image"


@dataclass(frozen=True, slots=True)
class Built:
    """The raw disk and what lies beside it."""

    disk: Path
    manifest: Path
    bundle: Path
    keyring: Path


@pytest.fixture(scope="session")
def image() -> Built:
    """CALLISTO_IMAGE names another disk, with its files beside it."""
    named = os.environ.get("CALLISTO_IMAGE")
    return _of(Path(named)) if named else _built("cloud")


@pytest.fixture(scope="session")
def image_for_real_machines() -> Built:
    return _built("generic")


def _built(kernel: str) -> Built:
    if os.geteuid() != 0:
        needs.missing("the image is built as root here")
    argv = [sys.executable, "-P", "-m", "firmware.build", "image", "--kernel", kernel, "--fast"]
    subprocess.run(argv, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=True)
    found = OUTPUT.glob(f"callisto-*-{kernel}-fast.img")
    return _of(max(found, key=lambda one: one.stat().st_mtime))


def _of(disk: Path) -> Built:
    return Built(
        disk,
        disk.with_name(f"{disk.name}.json"),
        disk.with_suffix(".raucb"),
        disk.with_name("keyring.pem"),
    )


def built_trees(kernel: str = "*") -> list[Path]:
    """Root file systems that have been built here, the newest last."""
    found = (OUTPUT / "cache").glob(f"root-{kernel}-*/tree")
    return sorted((one for one in found if one.is_dir()), key=lambda one: one.parent.stat().st_mtime)


collect_ignore = [] if built_trees() else ["test_quick.py"]


@pytest.fixture(scope="session")
def tree() -> Path:
    return built_trees()[-1]


@pytest.fixture(scope="session")
def releases(image: Built, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """To update the image under test with."""
    return Releases(
        built_trees("cloud")[-1],
        keys.chosen(CHECKOUT / "build" / "keys"),
        tmp_path_factory.mktemp("releases"),
    )


def pytest_report_header() -> str:
    trees = built_trees()
    if trees:
        return f"image: the root file system of {trees[-1].parent.name} is started in a namespace"
    return "image: no root file system has been built here (make image), so none is started"
