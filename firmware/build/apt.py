"""Which of the machine's own apt sources are those of Debian itself: nothing else may get into the image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

SUITE = "bookworm"
SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")


def chosen(files: Mapping[str, str]) -> str:
    """One-line sources for mmdebstrap: those of `files`, by name, that are of Debian 12; it may be none."""
    lines: list[str] = []
    for name, text in sorted(files.items()):
        lines += _of_stanzas(text) if name.endswith(".sources") else _of_lines(text.splitlines())
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def hosts(sources: str) -> frozenset[str]:
    """The machines that they name."""
    found = (urlsplit(word).hostname for line in sources.splitlines() for word in line.split())
    return frozenset(host for host in found if host)


def _of_lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        before, _, rest = line.partition("#")[0].strip().partition("[")
        options, _, after = rest.partition("]") if rest else ("", "", "")
        words = [*before.split(), *after.split()]
        if len(words) > 3 and words[0] == "deb" and words[2] in SUITES and "main" in words[3:]:
            yield _line(f"[{options.strip()}]" if options.strip() else "", words[1], words[2])


def _of_stanzas(text: str) -> Iterator[str]:
    for stanza in text.split("\n\n"):
        fields = _fields(stanza)
        words = {name: value.split() for name, value in fields.items()}
        if fields.get("enabled", "yes").strip().lower() in {"no", "false", "0"} or "deb" not in words.get(
            "types", ()
        ):
            continue
        if "main" not in words.get("components", ()):
            continue
        signed = fields.get("signed-by", "").strip()
        options = f"[signed-by={signed}]" if signed.startswith("/") else ""
        for uri in words.get("uris", ()):
            yield from (_line(options, uri, suite) for suite in words.get("suites", ()) if suite in SUITES)


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
            continue
        name, _, value = line.partition(":")
        name = name.strip().lower()
        fields[name] = value.strip()
    return fields


def _line(options: str, uri: str, suite: str) -> str:
    return " ".join(word for word in ("deb", options, uri, suite, "main") if word)
