"""Steps of a build: made once, made again when something changes, never half there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.build import keys
from firmware.build.recipe import digest
from firmware.build.running import BuildError, program, run
from firmware.build.stages import KEPT, Stages, remove
from firmware.signature import sign, verify
from tests import needs


def writing(text: str) -> Callable[[Path, Callable[[str], None]], None]:
    return lambda folder, _tell: (folder / "result").write_text(text) and None


def test_a_stage_is_made_once_for_the_same_inputs(tmp_path: Path) -> None:
    said: list[str] = []
    stages = Stages(tmp_path, said.append)
    made = stages.made("slot", "the slot", "k1", writing("first"))
    assert stages.made("slot", "the slot", "k1", writing("second")) == made
    assert (made / "result").read_text() == "first"
    assert said[-1] == "the slot: as before"


def test_a_stage_that_fails_leaves_nothing_that_counts(tmp_path: Path) -> None:
    def failing(folder: Path, _tell: Callable[[str], None]) -> None:
        (folder / "half").write_text("half")
        raise BuildError("no room")

    stages = Stages(tmp_path, lambda _text: None)
    with pytest.raises(BuildError):
        stages.made("slot", "the slot", "k1", failing)
    made = stages.made("slot", "the slot", "k1", writing("whole"))
    assert [one.name for one in made.iterdir()] == ["result"]


def test_fresh_is_made_again_and_old_ones_go(tmp_path: Path) -> None:
    Stages(tmp_path, lambda _text: None).made("slot", "the slot", "k0", writing("old"))
    fresh = Stages(tmp_path, lambda _text: None, reuse=False)
    made = fresh.made("slot", "the slot", "k0", writing("new"))
    assert (made / "result").read_text() == "new"
    for number in range(5):
        fresh.made("slot", "the slot", f"n{number}", writing("x"))
    assert len(list(tmp_path.glob("slot-*"))) == KEPT


def test_a_folder_in_which_something_is_mounted_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "root of it"
    (folder / "proc").mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    place = str(folder / "proc").replace(" ", "\\040")
    mounts.write_text(f"21 1 254:0 / / rw - ext4 /dev/vda rw\n36 21 0:5 / {place} rw - proc proc rw\n")
    with pytest.raises(BuildError, match="is mounted"):
        remove(folder, mounts)
    assert (folder / "proc").is_dir()
    mounts.write_text("21 1 254:0 / / rw - ext4 /dev/vda rw\n")
    remove(folder, mounts)
    assert not folder.exists()


def test_two_builds_do_not_share_a_cache(tmp_path: Path) -> None:
    one, other = (Stages(tmp_path, lambda _text: None) for _ in range(2))
    with one.alone(), pytest.raises(BuildError, match="another build"), other.alone():
        pass


def test_contents_names_and_modes_make_another_key(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    keys_seen = {digest(tmp_path)}
    file.chmod(0o755)
    keys_seen.add(digest(tmp_path))
    file.rename(tmp_path / "b")
    keys_seen.add(digest(tmp_path))
    (tmp_path / "b").write_text("2")
    keys_seen.add(digest(tmp_path))
    (tmp_path / "c").symlink_to("b")
    keys_seen.add(digest(tmp_path))
    assert len(keys_seen) == 5


def test_a_program_that_fails_shows_its_last_words() -> None:
    with pytest.raises(BuildError, match=r"(?s)sh has failed \(exit status 3\).*no such thing"):
        run(["sh", "-c", "echo no such thing >&2; exit 3"])
    with pytest.raises(BuildError) as refused:
        program("no-such-program", "some-package")
    assert refused.value.hint == "apt-get install some-package"


def test_development_keys_are_made_once_and_their_signatures_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.program("openssl")
    for name in (keys.CERTIFICATE, keys.KEY, keys.KEYRING):
        monkeypatch.delenv(name, raising=False)
    made = keys.chosen(tmp_path / "keys")
    assert made.own
    assert Path(made.key).stat().st_mode & 0o077 == 0
    before = made.keyring.read_bytes()
    assert keys.chosen(tmp_path / "keys") == made
    assert made.keyring.read_bytes() == before
    assert "Callisto development" in verify(b"text", sign(b"text", made.certificate, made.key), made.keyring)


def test_keys_of_the_maker_are_named_all_three_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cert.pem").write_text("x")
    monkeypatch.setenv(keys.CERTIFICATE, str(tmp_path / "cert.pem"))
    monkeypatch.setenv(keys.KEY, "pkcs11:object=release")
    monkeypatch.delenv(keys.KEYRING, raising=False)
    with pytest.raises(BuildError, match=keys.KEYRING):
        keys.chosen(tmp_path)
    monkeypatch.setenv(keys.KEYRING, str(tmp_path / "missing.pem"))
    with pytest.raises(BuildError, match="there is no file"):
        keys.chosen(tmp_path)
    monkeypatch.setenv(keys.KEYRING, str(tmp_path / "cert.pem"))
    assert keys.chosen(tmp_path).key == "pkcs11:object=release"
