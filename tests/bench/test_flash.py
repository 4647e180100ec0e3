"""That the measurement of flashing measures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import needs
from tests.bench.flash import measure, newest
from tests.bench.systems import AbsentError
from tests.firmware import images, signing


def test_a_small_image_is_written_in_each_way(tmp_path: Path) -> None:
    needs.program("dd", "coreutils")
    keys = signing.make(tmp_path / "keys")
    image = images.make(tmp_path / "image", keys)
    shutil.copy(keys.ca, image.with_name("keyring.pem"))
    (tmp_path / "work").mkdir()
    section = measure("", tmp_path / "work", ("here",), newest(image.parent), 1)
    assert "times as fast as dd" in section.marks[-1].text
    assert "| callisto | signature, hashes, reading back |" in section.text
    assert section.marks[0].met is None or "times (" in section.marks[0].measured
    assert not (tmp_path / "work" / "target.img").exists()


def test_without_an_image_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match="make image"):
        newest(tmp_path)
