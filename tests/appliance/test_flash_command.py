"""`callisto flash` and `callisto verify`, on files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.commands import flash
from firmware.flashing import Progress
from tests import needs
from tests.firmware import images, signing
from tests.firmware.images import NAME, SIZE
from tests.firmware.signing import Keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return signing.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def image(tmp_path: Path, keys: Keys) -> Path:
    return images.make(tmp_path / "image", keys)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"\xa5" * (SIZE + 4096))
    return path


def never(_: str) -> str:
    raise AssertionError("nobody is there to be asked")


def write(image: Path, target: Path, keys: Keys, yes: str | None = "disk.img", ask=never) -> int:
    return flash.write(image, target, yes=yes, allow_fixed=False, keyring=keys.ca, ask=ask)


def test_an_image_is_written_and_verified(image: Path, target: Path, keys: Keys, capsys) -> None:
    assert write(image, target, keys) == 0
    said = capsys.readouterr().out
    assert "Image   callisto-1.4.0.img: 1.4.0 for callisto-x86_64" in said
    assert "signed by CN=Test releases" in said
    assert "reading back  100 %" in said
    assert said.endswith("holds 1.4.0, read back and found good.\n")
    assert flash.check(image, target, keyring=keys.ca) == 0
    assert "as it was signed" in capsys.readouterr().out


def test_what_was_changed_since_is_told(image: Path, target: Path, keys: Keys, capsys) -> None:
    assert write(image, target, keys) == 0
    with target.open("r+b") as file:
        file.seek(images.table().named("rootfs-a").start)
        file.write(b"changed")
    assert flash.check(image, target, keyring=keys.ca) == 1
    said = capsys.readouterr().out
    assert "rootfs-a     CHANGED: 1 of 1 ranges" in said
    assert "NOT as it was signed" in said


def test_a_compressed_image_is_as_good(image: Path, target: Path, keys: Keys) -> None:
    subprocess.run((needs.program("zstd"), "-q", "--rm", str(image)), check=True)
    assert write(image.with_name(f"{NAME}.zst"), target, keys) == 0
    packed = image.with_name(f"{NAME}.zst")
    packed.write_bytes(packed.read_bytes()[:-1000])
    before = target.read_bytes()
    assert write(packed, target, keys) == 1
    assert target.read_bytes()[:512] != before[:512]


@pytest.mark.parametrize("typed", ["", "yes", "other.img"])
def test_what_is_typed_has_to_be_the_name(image: Path, target: Path, keys: Keys, typed: str, capsys) -> None:
    before = target.read_bytes()
    assert write(image, target, keys, None, lambda _: typed) == 1
    assert write(image, target, keys, typed) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert write(image, target, keys, None, lambda _: "disk.img") == 0


def nobody(_: str) -> str:
    raise EOFError


def test_without_a_terminal_nothing_is_written(image: Path, target: Path, keys: Keys) -> None:
    before = target.read_bytes()
    assert write(image, target, keys, None, nobody) == 1
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    "harm", ["manifest", "signature", "foreign", "no signature", "other image", "no keyring"]
)
def test_what_is_not_signed_is_not_written_and_nobody_is_asked(
    image: Path, target: Path, keys: Keys, harm: str, capsys
) -> None:
    before = target.read_bytes()
    manifest = image.with_name(f"{NAME}.json")
    signature = image.with_name(f"{NAME}.json.p7s")
    if harm == "manifest":
        manifest.write_bytes(manifest.read_bytes().replace(b"1.4.0", b"1.5.0", 1))
    elif harm == "signature":
        signature.write_bytes(signature.read_bytes()[:-5])
    elif harm == "foreign":
        images.make(image.parent, signing.make(target.with_name("foreign")))
    elif harm == "no signature":
        signature.unlink()
    elif harm == "other image":
        for file in (image, manifest, signature):
            file.rename(file.with_name(file.name.replace("1.4.0", "1.3.0")))
        image = image.with_name("callisto-1.3.0.img")
    elif harm == "no keyring":
        keys.ca.rename(target.with_name("away"))
    try:
        assert write(image, target, keys, None, never) == 1
    finally:
        if harm == "no keyring":
            target.with_name("away").rename(keys.ca)
    assert target.read_bytes() == before
    assert capsys.readouterr().err.startswith("callisto: ")


def test_a_target_that_is_not_there_is_not_made(image: Path, keys: Keys, tmp_path: Path, capsys) -> None:
    assert write(image, tmp_path / "sdb", keys) == 1
    assert "No such file or directory; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "sdb").exists()


def test_an_interrupted_write_says_what_the_medium_is(
    image: Path, target: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def interrupted(_line: object, progress: Progress) -> None:
        if progress.doing == "writing":
            raise KeyboardInterrupt

    monkeypatch.setattr(flash.Line, "__call__", interrupted)
    assert write(image, target, keys) == 1
    assert "interrupted; no partition table was written: the medium boots nothing" in capsys.readouterr().err


def test_progress_is_a_line_with_speed_and_what_is_left() -> None:
    assert flash.words(Progress("writing", 70_000_000, 155_000_000, 5.0)) == (
        "writing        45 %      70 of 155 MB    14.0 MB/s  6 s left"
    )
    assert flash.words(Progress("erasing", 0, 0, 0.0)).startswith("erasing       100 %")
