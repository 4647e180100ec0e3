"""What an update says of itself: read as GLib reads it, or not at all."""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.update import keyfile, sheet
from firmware.update.errors import BundleError
from firmware.update.sheet import COMPATIBLE, RESTARTS, Kind, Sheet
from firmware.update.verity import Verity
from tests import needs
from tests.firmware.update.bundles import SHEET, SYSTEM, manifest

TREE = Verity(b"\1" * 32, b"\2" * 32, 4096)
LINES = st.lists(
    st.one_of(
        st.sampled_from(["[update]", "[bundle]", "[meta.callisto]", "kind=system", "schema=0005", "# x", ""]),
        st.sampled_from(["restart=reboot", "version=1.4.0", "version = 1", " a=b", "a[de]=c", "a=\\s\\q"]),
        st.text(st.characters(codec="utf-8"), max_size=30),
        st.builds("{}={}".format, st.sampled_from(["a", "b-c", "D", "notes"]), st.text(max_size=20)),
    ),
    max_size=12,
).map("\n".join)


@dataclass(frozen=True, slots=True)
class Said:
    """As a bundle."""

    manifest: str
    signer: str = "CN=Test releases"


def _changed(text: str) -> st.SearchStrategy[str]:
    """With a part of it replaced."""
    places = st.integers(0, len(text))
    return st.builds(
        lambda one, other, new: text[: min(one, other)] + new + text[max(one, other) :],
        places,
        places,
        st.text(max_size=10),
    )


@pytest.mark.parametrize("what", [SHEET, SYSTEM])
def test_what_was_written_is_read(what: Sheet) -> None:
    assert sheet.of_bundle(Said(manifest(what, TREE))) == what


kinds: st.SearchStrategy[Kind] = st.sampled_from(["system", "application"])


@given(
    kinds,
    st.integers(0, 2**32),
    st.lists(st.integers(1, 9999), min_size=2, max_size=2).map(sorted),
    st.integers(0, 36000),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60),
)
def test_every_sheet_comes_back(kind: Kind, built: int, schemas: list[int], tenths: int, notes: str) -> None:
    what = replace(
        SHEET,
        kind=kind,
        compatible=COMPATIBLE[kind],
        restart=RESTARTS[kind],
        built_at=datetime.fromtimestamp(built, UTC),
        oldest_schema=f"{schemas[0]:04}",
        schema=f"{schemas[1]:04}",
        outage_s=tenths / 10,
        notes=notes,
    )
    assert sheet.of_bundle(Said(manifest(what, TREE))) == what


@given(LINES)
@example("[a]\nb=" + "x" * 70_000)
@example("[a]\n[a]")
@example("[a]\nb=1\nb=2")
@example("a=1")
@example("[a]\nb=\\")
@example("[a]\nb=x ")
@example("[a]\nb=x\v")
@example("[a]\nb=\\s x\\s")
def test_hostile_text_is_refused_or_means_the_same_to_glib(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    try:
        groups = keyfile.read(raw)
    except BundleError:
        return
    glib = _glib(raw)
    assert glib is not None, "GLib refuses it"
    assert glib == {(group, key): value for group, keys in groups.items() for key, value in keys.items()}


@given(st.one_of(st.text(max_size=200), LINES, st.sampled_from([manifest(SHEET, TREE)]).flatmap(_changed)))
def test_nothing_else_than_a_refusal_comes_of_it(text: str) -> None:
    """Whatever is shown of it, a terminal shows."""
    said = ""
    try:
        said = sheet.of_bundle(Said(text)).notes
    except BundleError as exc:
        said = exc.message
    assert said.isprintable()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind=application", "kind=firmware"),
        ("kind=application\n", ""),
        ("schema=0005", "schema=5"),
        ("schema=0005", "schema=00055"),
        ("oldest_schema=0001", "oldest_schema=0006"),
        ("restart=services", "restart=reboot"),
        ("outage_s=2.0", "outage_s=nan"),
        ("outage_s=2.0", "outage_s=-1"),
        ("outage_s=2.0", "outage_s=1e9"),
        ("version=1.4.0", "version=latest"),
        ("version=1.4.0", "version=1.4.0 "),
        ("build=", "build=-"),
        ("build=", "build=9999999999999"),
        ("base=debian12-python3.11", "base=a b"),
        ("compatible=callisto-app-x86_64", "compatible="),
    ],
)
def test_each_thing_it_says_has_its_form(key: str, value: str) -> None:
    text = manifest(SHEET, TREE)
    assert key in text
    with pytest.raises(BundleError):
        sheet.of_bundle(Said(text.replace(key, value, 1)))


def test_a_terminal_obeys_nothing_that_a_note_says() -> None:
    text = manifest(SHEET, TREE).replace("notes=Hunting", "notes=\x1b[2J\\n\\tHunting \u202e")
    said = sheet.of_bundle(Said(text)).notes
    assert said.startswith("[2J Hunting")
    assert said.isprintable()


def test_what_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(BundleError):
        keyfile.written({"a": {"b": "\0"}})
    with pytest.raises(BundleError):
        keyfile.written({"a]\n[b": {}})


def _glib(raw: bytes) -> dict[tuple[str, str], str] | None:
    """As GLib reads it; None when it does not."""
    name = ctypes.util.find_library("glib-2.0")
    if name is None:
        needs.missing("no GLib: apt-get install libglib2.0-0")
    glib = ctypes.CDLL(name)
    for function in (
        "g_key_file_new",
        "g_key_file_get_groups",
        "g_key_file_get_keys",
        "g_key_file_get_string",
    ):
        getattr(glib, function).restype = ctypes.c_void_p
    file = ctypes.c_void_p(glib.g_key_file_new())

    def texts(pointer: int | None) -> list[bytes]:
        found = []
        array = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_char_p)) if pointer else None
        while array is not None and (one := array[len(found)]) is not None:
            found.append(one)
        glib.g_strfreev(ctypes.c_void_p(pointer))
        return found

    try:
        size = ctypes.c_size_t(len(raw))
        if not glib.g_key_file_load_from_data(file, raw, size, ctypes.c_int(0), None):
            return {} if not raw else None
        said = {}
        for group in texts(glib.g_key_file_get_groups(file, None)):
            for key in texts(glib.g_key_file_get_keys(file, group, None, None)):
                value = glib.g_key_file_get_string(file, group, key, None)
                assert value, (group, key)
                said[group.decode(), key.decode()] = ctypes.string_at(value).decode()
                glib.g_free(ctypes.c_void_p(value))
        return said
    finally:
        glib.g_key_file_free(file)
