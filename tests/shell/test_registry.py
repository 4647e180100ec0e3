from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.variables.catalogue import CATALOGUE
from shell.commands import COMMANDS
from shell.menu import ENTRIES
from shell.registry import explain, parse, suggest
from shell.reply import CommandError


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("show variables", "show variables", ()),
        ("sh variables", "show variables", ()),
        ("show var", "show variables", ()),
        ("show var gWebTimeout", "show variable", ("gWebTimeout",)),
        ("SHOW VARIABLE gwebt", "show variable", ("gwebt",)),
        ("show history", "show history", ()),
        ("sho hi gWebTimeout", "show history", ("gWebTimeout",)),
        ("set gWebServerRestart  sun,wed 02:00", "set", ("gWebServerRestart", "sun,wed 02:00")),
        ("set gTimeServer a | b", "set", ("gTimeServer", "a | b")),
        ("undo", "undo", ()),
        ("undo 7", "undo", ("7",)),
        ("terminal width 511", "terminal", ("width 511",)),
        ("term length 0", "terminal", ("length 0",)),
        ("q", "quit", ()),
        ("help show variable", "help", ("show variable",)),
    ],
)
def test_words_may_be_shortened_while_they_are_unique(
    line: str, name: str, arguments: tuple[str, ...]
) -> None:
    request = parse(COMMANDS, line)
    assert (request.command.name, request.arguments) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "json", "match"),
    [
        ("show info | json", True, ""),
        ("show info|json", True, ""),
        ("show info | j", True, ""),
        ("show variables | match Web", False, "Web"),
        ("show variables | match a b", False, "a b"),
    ],
)
def test_what_is_shown_may_be_filtered(line: str, json: bool, match: str) -> None:
    request = parse(COMMANDS, line)
    assert (request.json, request.match) == (json, match)


@pytest.mark.parametrize(
    ("line", "wrong", "right"),
    [
        ("foo", "no command 'foo'", "? lists"),
        ("show foo", "'show foo' is no command", "show variables"),
        ("show", "not complete", "variables, variable NAME"),
        ("set", "NAME is missing", "set NAME VALUE"),
        ("show variable", "NAME is missing", "show variable NAME"),
        ("show info please", "takes nothing more", ""),
        ("menu 3", "takes nothing more", ""),
        ("show info | more", "'more' was not understood", "| json"),
        ("show info | match", "was not understood", "| match TEXT"),
        ("e x", "takes nothing more", ""),
    ],
)
def test_what_is_wrong_is_said_with_what_is_right(line: str, wrong: str, right: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse(COMMANDS, line)
    assert wrong in refused.value.message
    assert right in refused.value.hint


def test_every_command_is_found_by_its_name_and_by_every_unique_beginning() -> None:
    for command in COMMANDS:
        given = " ".join(["1" for argument in command.arguments if not argument.optional])
        assert parse(COMMANDS, f"{command.name} {given}").command is command


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_whatever_is_typed_is_understood_or_refused_in_words(line: str) -> None:
    if not line.strip():
        return
    suggest(COMMANDS, line)
    explain(COMMANDS, line)
    with suppress(CommandError):
        parse(COMMANDS, line)


@given(
    st.lists(
        st.sampled_from(["show", "sh", "var", "variable", "set", "gWeb", "|", "json", "undo", "h"]),
        max_size=5,
    )
)
def test_a_suggested_word_is_one_that_can_follow(words: list[str]) -> None:
    typed = " ".join(words)
    for one in suggest(COMMANDS, typed):
        last = "" if not typed or typed[-1] == " " else typed.split()[-1]
        assert one.word.lower().startswith(last.lower()) or last == "|"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", {"show", "set", "reset", "undo", "clock", "menu", "help", "exit"}),
        ("sh", {"show"}),
        ("show v", {"variables", "variable"}),
        ("show ", {"variables", "variable", "history", "info", "clock", "jobs", "audit"}),
        ("set gweb", {"gWebServerRestart", "gWebTimeout"}),
        ("set gWebTimeout ", set()),
        ("show history gM", {"gMCSpeakNumber", "gMwiWebControls", "gMaxForwardNumberLen"}),
        ("show info | ", {"json", "match"}),
        ("show info | j", {"json"}),
        ("nonsense ", set()),
    ],
)
def test_completion_offers_what_may_come_next(typed: str, words: set[str]) -> None:
    assert {one.word for one in suggest(COMMANDS, typed)} == words


def test_every_variable_can_be_completed() -> None:
    assert {one.word for one in suggest(COMMANDS, "reset ")} == {variable.name for variable in CATALOGUE}


def test_no_word_of_a_command_stands_where_another_takes_an_argument() -> None:
    """Else `parse` could not tell the two apart."""
    for one, other in itertools.permutations(COMMANDS, 2):
        if one.words == other.words[: len(one.words)]:
            assert not one.arguments, (one.name, other.name)


def test_every_entry_of_the_menu_is_a_command_too() -> None:
    for entry in ENTRIES:
        assert parse(COMMANDS, entry.command).command.name == entry.command


def test_what_this_version_does_not_have_is_not_offered() -> None:
    offered = " ".join([*(c.syntax + c.help for c in COMMANDS), *(e.title + e.help for e in ENTRIES)]).lower()
    for absent in ("trace", "repair"):
        assert absent not in offered
