"""The packaging check: what git has is what gets built, and what gets built answers on its own."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from checkout import CHECKOUT, ENVIRONMENT
from say import say, stop

PACKAGES = ("appliance", "shell", "router", "scheduler", "db", "firmware")
TOP_LEVEL = {
    *PACKAGES,
    *(".ci", ".gitignore", ".make", "docs", "requirements", "tests"),
    *("CHANGELOG.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md", "pyproject.toml", "setup.cfg"),
}


OF_IMAGES = ("firmware/image/overlay/", "firmware/image/locks/")
"""Only who builds one needs them, from a checkout."""


def main() -> int:
    """0 when the checks hold; else each broken one is said."""
    files = tracked()
    broken = strays(files)
    with tempfile.TemporaryDirectory(prefix="callisto-packaging-") as name:
        folder = Path(name)
        copy(files, folder / "source")
        wheel, sdist = build(folder / "source", folder / "dist")
        broken += differences(files, wheel)
        broken += lacking_in_sdist(sdist)
        broken += answers(wheel, folder)
    for line in broken:
        say(f"packaging: {line}")
    return 1 if broken else 0


def tracked() -> tuple[str, ...]:
    """What a commit of everything would hold: known to git, or new and not ignored, and there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file())


def strays(files: tuple[str, ...]) -> list[str]:
    found = {name.split("/", 1)[0] for name in files} - TOP_LEVEL
    return [f"{name} has no place at the top of the repository" for name in sorted(found)]


def copy(files: tuple[str, ...], target: Path) -> None:
    for name in files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, place)


def build(source: Path, target: Path) -> tuple[Path, Path]:
    """The wheel, built from the sdist as an installer would, and the sdist."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "build", "--no-isolation", "--outdir", str(target), str(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        stop(f"packaging: it cannot be built:\n{done.stdout}", 1)
    return next(target.glob("*.whl")), next(target.glob("*.tar.gz"))


def differences(files: tuple[str, ...], wheel: Path) -> list[str]:
    """The wheel holds every file of our packages and nothing else. What only an image has comes from a
    checkout: the names of units and drop-in folders are none that a package may have."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]
    ours = {name for name in files if name.split("/", 1)[0] in PACKAGES and not name.startswith(OF_IMAGES)}
    return [
        *(f"{name} is not in the wheel" for name in sorted(ours - packed)),
        *(f"{name} is in the wheel and should not be" for name in sorted(packed - ours)),
        *([] if licences else ["the wheel carries no LICENSE"]),
    ]


def lacking_in_sdist(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return [
        f"{name} is not in the sdist"
        for name in ("LICENSE", "README.md", "CHANGELOG.md")
        if name not in names
    ]


def answers(wheel: Path, folder: Path) -> list[str]:
    """Installed apart from the checkout, with our dependencies, `callisto --version` gives the version."""
    throwaway = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(throwaway)], check=True)
    python = throwaway / "bin" / "python"
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)], check=True
    )
    dependencies = next((ENVIRONMENT / "lib").glob("python3.*/site-packages"))
    # A line in a .pth file adds that folder alone: the link to the checkout in it is not followed.
    next((throwaway / "lib").glob("python3.*/site-packages")).joinpath("dependencies.pth").write_text(
        f"{dependencies}\n", encoding="utf-8"
    )
    asked = subprocess.run(
        [str(throwaway / "bin" / "callisto"), "--version"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    if asked.returncode == 0 and metadata["metadata"]["version"] in asked.stdout:
        return []
    return [f"the installed `callisto --version` answers: {(asked.stdout + asked.stderr).strip()[-500:]}"]


if __name__ == "__main__":
    sys.exit(main())
