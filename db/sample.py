"""The office of a first start."""

from __future__ import annotations

from importlib.resources import files

from db.office import Office
from db.transfer import load


def sample_text() -> str:
    """As YAML, with comments for who wants to change it."""
    return files("db").joinpath("sample_office.yaml").read_text(encoding="utf-8")


def sample_office() -> Office:
    return load(sample_text())
