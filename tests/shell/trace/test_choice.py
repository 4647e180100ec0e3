"""What a trace shows: from words to a choice, and from a choice to a yes or no for each record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.services.ports import Unit
from shell import trace_ports
from shell.trace.choice import Choice, decode, encode, matcher, matches, span
from shell.trace.choosing import (
    FOR_MOST_S,
    LAST_MOST_S,
    PROCESSES,
    SIZE_LEAST,
    SIZE_MOST,
    Asked,
    amount,
    parse,
)
from shell.trace.completing import complete
from shell.trace.record import GROUPS, LEVELS, Record, Sip
from shell.trace.typed import ChoiceError, tokens

texts = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
names = st.text("abcdef0123456789-@.", min_size=1, max_size=30)
numbers = st.from_regex(r"\+?[0-9]{2,15}", fullmatch=True)


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, max_size=3, unique=True).map(tuple)


choices = st.builds(
    Choice,
    processes=some(st.sampled_from(PROCESSES)),
    level=st.sampled_from(LEVELS),
    calls=some(names),
    numbers=some(numbers),
    groups=some(st.sampled_from(GROUPS)),
    texts=some(texts),
    sip=st.booleans(),
    last_s=st.integers(0, LAST_MOST_S).map(float),
)
asked = st.builds(
    Asked,
    choice=choices,
    for_s=st.none() | st.integers(1, FOR_MOST_S),
    size=st.none() | st.integers(SIZE_LEAST, SIZE_MOST),
)
sips = st.builds(
    Sip,
    way=st.sampled_from(["in", "out"]),
    local=st.just("127.0.0.1:5060"),
    remote=st.just("192.0.2.1:5060"),
    transport=st.just("udp"),
    call_id=names,
    raw=texts,
)
records = st.builds(
    Record,
    at=st.floats(0, 2e9),
    process=st.sampled_from(PROCESSES),
    level=st.sampled_from(LEVELS),
    group=st.sampled_from(GROUPS),
    text=texts,
    call=names | st.just(""),
    numbers=some(numbers),
    sip=st.none() | sips,
)


def record(text: str = "something", **given: object) -> Record:
    return Record(**{"at": 1.0, "process": "router", "level": "info", "group": "log", "text": text, **given})  # type: ignore[arg-type]


# -- words


@given(asked)
def test_what_is_asked_said_in_words_is_the_same(one: Asked) -> None:
    assert parse(str(one)) == one


@given(choices)
def test_a_choice_travels_as_it_is(choice: Choice) -> None:
    assert decode(json.loads(json.dumps(encode(choice)))) == choice


@pytest.mark.parametrize(
    "wrong",
    [{"calls": "3f2a"}, {"texts": [1]}, {"level": "loud"}, {"sip": 1}, {"last_s": -1}, {"last_s": True}],
)
def test_what_is_no_choice_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="choice"):
        decode(wrong)


@given(
    st.permutations(["process router", "level warning", "number 0441234567", "sip", "last 60s", "for 5min"])
)
def test_the_order_of_the_words_does_not_matter(parts: list[str]) -> None:
    chosen = Choice(("router",), "warning", numbers=("0441234567",), sip=True, last_s=60.0)
    assert parse(" ".join(parts)) == Asked(chosen, for_s=300)


@given(st.text(max_size=200))
def test_any_text_is_a_choice_or_a_clear_error(text: str) -> None:
    try:
        found = parse(text)
    except ChoiceError as exc:
        found = parse("")
        said = bool(exc.message and exc.hint)
    else:
        said = True
    assert said
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Choice()),
        ("all", Choice()),
        ("PROCESS Router", Choice(processes=("router",))),
        ("proc=sup", Choice(processes=("supervisor",))),
        ("router web", Choice(processes=("router", "web"))),
        ("level warn", Choice(level="warning")),
        ("errors", Choice(level="error")),
        ("call-id 3F2A", Choice(calls=("3F2A",))),
        ("3f2a77c1-9d", Choice(calls=("3f2a77c1-9d",))),
        ("0441234567", Choice(numbers=("0441234567",))),
        ("number 044 123 45-67 sip", Choice(numbers=("0441234567",), sip=True)),
        ("user 200", Choice(numbers=("200",))),
        ("calls", Choice(groups=("call",))),
        ("group jobs", Choice(groups=("job",))),
        ('text "busy here"', Choice(texts=("busy here",))),
        ("text 'it \"is\"'", Choice(texts=('it "is"',))),
        ("text tag=z9hG", Choice(texts=("tag=z9hG",))),
        ('text="a b"', Choice(texts=("a b",))),
        ("text sip", Choice(texts=("sip",))),
        ("last 60", Choice(last_s=60)),
        ("last60s", Choice(last_s=60)),
        ("last 2 min", Choice(last_s=120)),
        ("for 5min", Asked(for_s=300)),
        ("for 1 hour", Asked(for_s=3600)),
        ("size 10", Asked(size=10_000_000)),
        ("size 10 MB", Asked(size=10_000_000)),
        ("size 500kb", Asked(size=500_000)),
    ],
)
def test_spellings_are_forgiven(typed: str, meant: Choice | Asked) -> None:
    assert parse(typed) == (Asked(meant) if isinstance(meant, Choice) else meant)


@pytest.mark.parametrize(
    ("typed", "wrong", "right"),
    [
        ("process", "the value is missing", "process router"),
        ("process mailer", "no process 'mailer'", "router, media, shell, web, supervisor"),
        ("level loud", "no level 'loud'", "debug, info, warning, error"),
        ("group sales", "no group 'sales'", "text sales"),
        ("number anna", "'anna' is no number", "number 044"),
        ("last soon", "'soon' is no time", "last 60s"),
        ("last 10MB", "is no time", "last 60s"),
        ("last 3h", "too long", "10min"),
        ("for 0s", "too short", "4h"),
        ("size 5min", "is no size", "size 10MB"),
        ("size 900GB", "too large", "200MB"),
        ('text "busy', "does not end", "two words"),
        ("mailbox", "'mailbox' was not understood", "process NAME"),
        ("text " + "x" * 201, "more than 200", "process NAME"),
        (" ".join(f"text {n}" for n in range(21)), "more than 20", "process NAME"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_right(typed: str, wrong: str, right: str) -> None:
    with pytest.raises(ChoiceError) as refused:
        parse(typed)
    assert wrong in refused.value.message
    assert right in refused.value.hint


def test_every_process_of_the_appliance_can_be_chosen() -> None:
    assert set(PROCESSES) == {*(unit.value for unit in Unit), "supervisor"}


def test_the_limits_are_those_of_a_capture() -> None:
    assert FOR_MOST_S == trace_ports.LONGEST_S
    assert (SIZE_LEAST, SIZE_MOST) == (trace_ports.SMALLEST, trace_ports.LARGEST)


def test_a_choice_is_said_for_people() -> None:
    assert Choice().title == "everything"
    assert parse("process web").choice.title == "everything · from web"
    assert parse("last 5min").choice.title == "everything · with the last 5min"
    said = parse("sip number 044 number 200 warn router last 60s").choice.title
    assert said == "SIP messages · number 044 or 200 · warning and worse · from router · with the last 1min"


def test_tokens_keep_what_is_quoted_together() -> None:
    found = tokens(""" a "b c" 'd "e"' "f\\"g" h""", lambda _: False)
    assert list(found) == ["a", "b c", 'd "e"', 'f"g', "h"]


def test_spans_and_amounts_use_the_largest_whole_unit() -> None:
    assert [span(each) for each in (0, 45, 60, 90, 3600)] == ["0s", "45s", "1min", "90s", "1h"]
    assert [amount(each) for each in (100, 64_000, 10_000_000)] == ["100B", "64kB", "10MB"]


# -- records


def chosen(words: str) -> Choice:
    return parse(words).choice


@given(choices, records)
def test_what_fits_a_choice_fits_each_of_its_parts(choice: Choice, one: Record) -> None:
    parts = [
        Choice(processes=choice.processes),
        Choice(level=choice.level),
        Choice(calls=choice.calls),
        Choice(numbers=choice.numbers),
        Choice(groups=choice.groups),
        Choice(texts=choice.texts),
        Choice(sip=choice.sip),
    ]
    assert matches(choice, one) == all(matches(part, one) for part in parts)


@given(choices)
def test_a_mark_is_for_everybody(choice: Choice) -> None:
    assert matcher(choice)(record("here it goes wrong", group="mark"))


@given(records)
def test_everything_fits_the_choice_of_everything(one: Record) -> None:
    assert matches(Choice(), one)


def test_values_of_one_kind_are_alternatives() -> None:
    fits = matcher(chosen("router web"))
    assert fits(record(process="web"))
    assert fits(record(process="router"))
    assert not fits(record(process="shell"))


def test_a_level_means_it_and_worse() -> None:
    fits = matcher(chosen("level warn"))
    assert [fits(record(level=level)) for level in LEVELS] == [False, False, True, True]


def test_a_call_is_found_by_the_beginning_of_its_id_or_of_that_of_sip() -> None:
    message = Sip("in", "a:1", "b:2", "udp", "88aa@pbx", "INVITE")
    assert matches(chosen("call 3F2A"), record(call="3f2a77c1"))
    assert matches(chosen("call 88aa"), record(call="", sip=message))
    assert matches(chosen("call 3f2a"), record("call 3f2a77c1: it rings"))
    assert not matches(chosen("call 3f2a"), record("call 3f2a: told of another", call="77aa"))
    assert not matches(chosen("call f2a"), record(call="3f2a77c1"))


@pytest.mark.parametrize(
    ("wanted", "there", "fits"),
    [
        ("0441234567", "+41441234567", True),
        ("+41441234567", "0441234567", False),
        ("441234567", "0041441234567", True),
        ("200", "200", True),
        ("200", "0441234200", False),
        ("044 123 45 67", "044-123.45.67", True),
    ],
)
def test_a_number_is_found_however_it_is_written(wanted: str, there: str, fits: bool) -> None:
    assert matches(chosen(f"number {wanted}"), record(numbers=(there,))) is fits


def test_a_number_is_found_in_text_as_a_whole_only() -> None:
    assert matches(chosen("number 200"), record("the phone of 200 does not answer"))
    assert not matches(chosen("number 200"), record("12001 ms"))
    assert not matches(chosen("number 200"), record("after 2000 s"))


def test_text_is_found_in_the_message_too_without_regard_to_case() -> None:
    message = Sip("in", "a:1", "b:2", "udp", "x", "SIP/2.0 486 Busy Here\r\n")
    assert matches(chosen('text "busy here"'), record("486", sip=message))
    assert not matches(chosen('text "busy here"'), record("486"))


# -- completion


def words(typed: str) -> list[str]:
    return [offer.word for offer in complete(typed)]


def test_keywords_are_offered_first_and_values_after_them() -> None:
    assert words("")[:3] == ["process", "level", "call"]
    assert words("le") == ["level"]
    assert words("process ") == list(PROCESSES)
    assert words("sip level w") == ["warning"]
    assert words("group text ") == words("")
    assert "process" in words("sip ")


@given(st.text(max_size=60))
def test_completion_never_fails(typed: str) -> None:
    complete(typed)
