from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import AmbiguousVariableError, InvalidValueError, NotInEditionError, UnknownVariableError
from db.variables.catalogue import CATALOGUE, EDITIONS, Variable, find
from db.variables.values import Context

HOUSE = Context("ucm", 2048, {"201", "+41441234567"}.__contains__)
EXPRESS = Context("express", 2048, {"201"}.__contains__)

TAKEN = [
    ("gBridgeTransfer", "1", "1", "on"),
    ("gBridgeTransfer", " OFF ", "0", "off"),
    ("gMCSpeakNumber", "yes", "1", "on"),
    ("gCocProxyMemory", "64", "64", "64 MB"),
    ("gCocProxyMemory", "1024 MB", "1024", "1024 MB"),
    ("gCocProxyRestart", "", "", "never"),
    ("gCocProxyRestart", "never", "", "never"),
    ("gWebServerRestart", "9,02:00", "9,02:00", "Sunday, Wednesday at 02:00"),
    ("gWebServerRestart", "sun,wed 02:00", "9,02:00", "Sunday, Wednesday at 02:00"),
    ("gDefaultMailbox", "201", "201", "201"),
    ("gDefaultMailbox", "none", "", "none"),
    ("gInboxNotifyRefresh", "5", "5", "5 s"),
    ("gInboxNotifyRefresh", "3600s", "3600", "3600 s"),
    ("gMaxForwardNumberLen", "100", "100", "100 digits"),
    ("gRecordVolume", "007 %", "7", "7 %"),
    ("gStripCallerID", "+2", "2", "2 digits"),
    ("gWebTimeout", "0", "0", "never"),
    ("gWebTimeout", "never", "0", "never"),
    ("gWebTimeout", "20 min", "20", "20 min"),
    ("gTimeServer", "Pool.NTP.org.", "pool.ntp.org", "pool.ntp.org"),
    ("gTimeServer", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("gTimeServer", "2001:DB8::1", "2001:db8::1", "2001:db8::1"),
    ("gTimeServer", "blank", "", "none"),
]

REFUSED = [
    ("gBridgeTransfer", "2", "neither 0 nor 1", "0 (the call is handed over to the PBX) or 1"),
    ("gBridgeTransfer", "", "missing", "0 ("),
    (
        "gCocProxyMemory",
        "63",
        "63 is less than 64",
        "megabytes from 64 to 1024 (half of this machine's memory)",
    ),
    ("gCocProxyMemory", "1025", "1025 is more than 1024", "half of this machine"),
    ("gDefaultMailbox", "202", "no user has the number 202", "number of a user"),
    ("gDefaultMailbox", "anna", "is not a number", "number of a user"),
    ("gInboxNotifyRefresh", "4", "less than 5", "seconds from 5 to 3600"),
    ("gMaxForwardNumberLen", "0", "less than 1", "digits from 1 to 100"),
    ("gMaxForwardNumberLen", "101", "more than 100", "digits from 1 to 100"),
    ("gRecordVolume", "1001", "more than 1000", "percent from 1 to 1000"),
    ("gStripCallerID", "-1", "less than 0", "digits from 0 to 20"),
    ("gStripCallerID", "٣", "is not a whole number", "digits from 0 to 20"),
    ("gStripCallerID", "9" * 19, "is not a whole number", "digits from 0 to 20"),
    ("gWebTimeout", "1441", "more than 1440", "minutes from 0 to 1440, 0 for never"),
    ("gWebTimeout", "20 s", "is not a whole number", "minutes"),
    ("gWebTimeout", "1.5", "is not a whole number", "minutes"),
    ("gWebServerRestart", "128,02:00", "128", "from 0 to 127"),
    ("gWebServerRestart", "9,24:00", "24:00", "24 h form"),
    ("gTimeServer", "pool.ntp.org ntp.metas.ch", "more than one name", "host name or IP"),
    ("gTimeServer", "300.1.2.3", "no IP address", "host name or IP"),
    ("gTimeServer", "192.0.2.1:123", "a port cannot be given", "host name or IP"),
    ("gTimeServer", "fe80::1%eth0", "a port cannot be given", "host name or IP"),
    ("gTimeServer", "-ntp.example", "is no host name", "host name or IP"),
    ("gTimeServer", "zeit.schön.example", "is no host name", "host name or IP"),
    ("gTimeServer", ("a" * 63 + ".") * 4 + "example", "is no host name", "host name or IP"),
]


@pytest.mark.parametrize(("name", "text", "stored", "shown"), TAKEN)
def test_what_a_person_types_becomes_the_stored_form_and_words(
    name: str, text: str, stored: str, shown: str
) -> None:
    variable = find(name)
    assert variable.parse(text, HOUSE) == stored
    assert variable.shown(stored) == shown


@pytest.mark.parametrize(("name", "text", "problem", "right"), REFUSED)
def test_a_refusal_says_what_was_wrong_and_what_is_right(
    name: str, text: str, problem: str, right: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        find(name).parse(text, HOUSE)
    assert str(refused.value).startswith(f"{name}: ")
    assert problem in refused.value.problem
    assert right in refused.value.expected
    assert refused.value.hint == f"right is {refused.value.expected}"


@settings(deadline=None)
@given(st.sampled_from(CATALOGUE), st.text(max_size=60))
def test_any_text_is_stored_in_a_form_that_stays_or_is_refused(variable: Variable, text: str) -> None:
    try:
        stored = variable.parse(text, EXPRESS)
    except InvalidValueError:
        return
    assert variable.parse(stored, EXPRESS) == stored
    assert variable.parse(variable.shown(stored), EXPRESS) == stored


@settings(deadline=None)
@given(st.sampled_from(CATALOGUE), st.integers(-10, 2000))
def test_any_number_is_taken_within_the_range_alone(variable: Variable, number: int) -> None:
    ranges = {
        "gCocProxyMemory": (64, 1024),
        "gInboxNotifyRefresh": (5, 3600),
        "gMaxForwardNumberLen": (1, 100),
        "gRecordVolume": (1, 1000),
        "gStripCallerID": (0, 20),
        "gWebTimeout": (0, 1440),
    }
    if variable.name not in ranges:
        return
    low, high = ranges[variable.name]
    if low <= number <= high:
        assert variable.parse(str(number), HOUSE) == str(number)
    else:
        with pytest.raises(InvalidValueError):
            variable.parse(str(number), HOUSE)


def test_a_text_of_a_million_characters_is_refused_and_shown_short() -> None:
    for variable in CATALOGUE:
        with pytest.raises(InvalidValueError) as refused:
            variable.parse("9" * 1_000_000, EXPRESS)
        assert len(str(refused.value)) < 200


def test_there_are_the_eighteen_variables_of_the_documents() -> None:
    assert [variable.name for variable in CATALOGUE] == [
        "gBridgeTransfer", "gCocProxyMemory", "gCocProxyRestart", "gDefaultMailbox", "gDisablePersHistory",
        "gInboxNotifyRefresh", "gMCSpeakNumber", "gMwiWebControls", "gMaxForwardNumberLen",
        "gPhoneLoginWithNumber", "gPhonePrivateDirPIN", "gRecordVolume", "gStripCallerID", "gSyncLineName",
        "gTimeServer", "gTransferWithCallerID", "gWebServerRestart", "gWebTimeout",
    ]  # fmt: skip


def test_the_defaults_are_those_of_the_documents_and_are_right_themselves() -> None:
    assert {variable.name: variable.default_for("ucm") for variable in CATALOGUE} == {
        "gBridgeTransfer": "0", "gCocProxyMemory": "256", "gCocProxyRestart": "", "gDefaultMailbox": "",
        "gDisablePersHistory": "0", "gInboxNotifyRefresh": "60", "gMCSpeakNumber": "1",
        "gMwiWebControls": "0", "gMaxForwardNumberLen": "100", "gPhoneLoginWithNumber": "0",
        "gPhonePrivateDirPIN": "0", "gRecordVolume": "400", "gStripCallerID": "0", "gSyncLineName": "0",
        "gTimeServer": "pool.ntp.org",
        "gTransferWithCallerID": "1", "gWebServerRestart": "", "gWebTimeout": "20",
    }  # fmt: skip
    for variable in CATALOGUE:
        default = variable.default_for("express")
        assert variable.parse(default, EXPRESS) == default


def test_who_calls_out_with_which_number_follows_the_edition() -> None:
    variable = find("gTransferWithCallerID")
    assert [variable.default_for(edition) for edition in EDITIONS] == ["0", "1", "1"]


@pytest.mark.parametrize("edition", ["ucm", "one"])
def test_line_names_are_refused_outside_of_express_with_the_reason(edition: str) -> None:
    with pytest.raises(NotInEditionError, match="line names belong to the PBX") as refused:
        find("gSyncLineName").parse("1", Context(edition))
    assert "express" in refused.value.hint
    assert find("gSyncLineName").parse("1", EXPRESS) == "1"


def test_every_variable_has_help_and_says_who_reads_it() -> None:
    assert all(variable.help.endswith(".") for variable in CATALOGUE)
    assert {variable.name: variable.read_by for variable in CATALOGUE if variable.read_by} == {
        "gBridgeTransfer": ("router",),
        "gMaxForwardNumberLen": ("import", "router"),
        "gStripCallerID": ("router",),
        "gTimeServer": ("clock",),
        "gTransferWithCallerID": ("router",),
        "gWebServerRestart": ("scheduler",),
        "gWebTimeout": ("web",),
    }


def test_switches_list_what_each_value_means() -> None:
    assert find("gBridgeTransfer").values.choices() == (
        ("0", "the call is handed over to the PBX"),
        ("1", "the call stays bridged here"),
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gWebServerRestart", "gWebServerRestart"),
        ("GWEBSERVERRESTART", "gWebServerRestart"),
        (" gwebs ", "gWebServerRestart"),
        ("gmc", "gMCSpeakNumber"),
    ],
)
def test_a_name_is_found_without_case_and_by_its_beginning(name: str, found: str) -> None:
    assert find(name).name == found


def test_a_beginning_of_several_names_lists_them() -> None:
    with pytest.raises(AmbiguousVariableError) as refused:
        find("gPhone")
    assert refused.value.candidates == ("gPhoneLoginWithNumber", "gPhonePrivateDirPIN")
    assert "gPhonePrivateDirPIN" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gWebTimeot", "gWebTimeout"),
        ("webtimeout", "gWebTimeout"),
        ("gBrigeTransfer", "gBridgeTransfer"),
        ("timeserver", "gTimeServer"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownVariableError) as refused:
        find(name)
    assert refused.value.nearest[0] == nearest
    assert nearest in refused.value.hint


@pytest.mark.parametrize("name", ["", "   ", "zzzz", "g" * 100_000, "\0"])
def test_a_name_like_no_other_is_refused_in_few_words(name: str) -> None:
    with pytest.raises((UnknownVariableError, AmbiguousVariableError)) as refused:
        find(name)
    assert len(str(refused.value)) < 200
