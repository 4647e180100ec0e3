from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.variables.catalogue import CATALOGUE
from shell.commands import COMMANDS
from shell.completion import completed, explain, objection, suggest
from shell.menu import ENTRIES
from shell.registry import parse
from shell.reply import CommandError
from shell.trace.choosing import SPELLINGS


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
    ("line", "pipes"),
    [
        ("show info | json", [("json", "")]),
        ("show info|json", [("json", "")]),
        ("show info | j", [("json", "")]),
        ("show variables | match Web", [("match", "Web")]),
        ("show variables | match a b", [("match", "a b")]),
        ('show variables | match "a | b" | c', [("match", "a | b"), ("count", "")]),
        (
            "show audit|m web|ex x|b y|count",
            [("match", "web"), ("except", "x"), ("begin", "y"), ("count", "")],
        ),
        ("help | match set", [("match", "set")]),
    ],
)
def test_what_is_shown_may_be_filtered(line: str, pipes: list[tuple[str, str]]) -> None:
    request = parse(COMMANDS, line)
    assert [(pipe.word, pipe.text) for pipe in request.pipes] == pipes


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
        ("show info | count 3", "was not understood", "| count"),
        ("show info | match a | json", "whole or not at all", "| json"),
        ("show info | count | match 3", "nothing to filter after", "| count"),
        ("show info |", "was not understood", "| json"),
        ("shwo info", "no command 'shwo'", "did you mean show?"),
        (
            "show variabels",
            "'show variabels' is no command",
            "did you mean variables or variable? show ? lists them all",
        ),
        ("exi x", "takes nothing more", ""),
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
        ("sh", {"show"}),
        ("show v", {"variables", "variable"}),
        ("set gweb", {"gWebServerRestart", "gWebTimeout"}),
        ("set gWebTimeout ", {"20"}),
        ("show history gM", {"gMCSpeakNumber", "gMwiWebControls", "gMaxForwardNumberLen"}),
        ("show info | ", {"json", "match", "except", "begin", "count"}),
        ("show info | match x | c", {"count"}),
        ("show info | match ", set()),
        ("set gMwi ", {"on", "off"}),
        ("set gMwi o", {"on", "off"}),
        ("set gMwi on ", {"confirm"}),
        ("set gMwi on confirm ", {"5"}),
        ("set gMwi on confirm 5 ", set()),
        ("set gWebS ", {"sun", "mon", "tue", "wed", "thu", "fri", "sat", "never"}),
        ("set gWebS sun,w", {"sun,wed"}),
        ("set gWebS sun,wed ", {"02:00"}),
        ("set gNothing ", set()),
        ("help show v", {"variables", "variable"}),
        ("show info | j", {"json"}),
        ("nonsense ", set()),
    ],
)
def test_completion_offers_what_may_come_next(typed: str, words: set[str]) -> None:
    assert {one.word for one in suggest(COMMANDS, typed)} == words


def test_completion_offers_the_words_of_all_commands_that_are_not_hidden() -> None:
    first = {command.words[0] for command in COMMANDS if not command.hidden}
    assert {one.word for one in suggest(COMMANDS, "")} == first
    second = {c.words[1] for c in COMMANDS if c.words[0] == "show" and not c.hidden}
    assert {one.word for one in suggest(COMMANDS, "show ")} == second


def test_every_variable_can_be_completed() -> None:
    assert {one.word for one in suggest(COMMANDS, "reset ")} == {variable.name for variable in CATALOGUE}


def test_no_word_of_a_command_stands_where_another_takes_an_argument() -> None:
    """Else `parse` could not tell the two apart."""
    for one, other in itertools.permutations(COMMANDS, 2):
        if one.words != other.words[: len(one.words)]:
            continue
        if [argument.kind for argument in one.arguments] == ["choice"]:
            # Its words are known; of `process` the other command knows that it may be meant.
            shortened = {word for word in SPELLINGS if other.words[len(one.words)].startswith(word)}
            assert shortened <= {"process", "processes", "proc"}, (one.name, other.name)
        elif one.arguments and one.arguments[0].words:
            word = other.words[len(one.words)]
            assert not any(word.startswith(each[0]) for each in one.arguments[0].words), (one.name, word)
        else:
            assert not one.arguments, (one.name, other.name)


def test_every_entry_of_the_menu_is_a_command_too() -> None:
    for entry in ENTRIES:
        assert parse(COMMANDS, entry.command).command.name == entry.command


def test_what_this_version_does_not_have_is_not_offered() -> None:
    offered = " ".join([*(c.syntax + c.help for c in COMMANDS), *(e.title + e.help for e in ENTRIES)]).lower()
    for absent in ("flash",):
        assert absent not in offered


@pytest.mark.parametrize(
    ("typed", "wrong", "right"),
    [
        ("set gWebTimeout 999999", "999999 is more than 1440", "from 0 to 1440"),
        ("set gWebTimeout 2000 confirm 5", "2000 is more than 1440", "from 0 to 1440"),
        ("set gWebTimeoot ", "no system variable 'gWebTimeoot'", "did you mean gWebTimeout"),
        ("set gWeb 3", "beginning of several", "gWebServerRestart, gWebTimeout"),
        ("set gMwi maybe", "neither 0 nor 1", "0 (hidden) or 1 (shown)"),
        ("reset gNothing", "no system variable", ""),
    ],
)
def test_what_would_be_refused_is_said_before_it_is_done(typed: str, wrong: str, right: str) -> None:
    refused = objection(COMMANDS, typed)
    assert refused is not None
    assert wrong in refused[0]
    assert right in refused[1]


@pytest.mark.parametrize(
    "typed",
    ["set gWebTimeout 30", "set gWebTimeout 30 confirm", "set gDefaultMailbox 4711", "undo 3", "", "set"],
)
def test_what_may_be_right_is_not_objected_to(typed: str) -> None:
    assert objection(COMMANDS, typed) is None


@pytest.mark.parametrize(
    ("typed", "after"),
    [
        ("sh", "show "),
        ("show aud", "show audit "),
        ("set gwebt", "set gWebTimeout "),
        ("set gm", None),
        ("set gma", "set gMaxForwardNumberLen "),
        ("show var", "show variable"),
        ("show info | j", "show info | json "),
        ("show info |ma", "show info |match "),
        ("watch 5 show jo", "watch 5 show jobs "),
        ("watch sh", "watch show "),
        ("set gWebTimeout 999999", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_tab_goes_on_where_there_is_one_way(typed: str, after: str | None) -> None:
    found = completed(typed, suggest(COMMANDS, typed))
    assert (found and typed[: len(typed) - found[0]] + found[1]) == after
