"""What calls have shown of phones."""

from __future__ import annotations

from router.phones import ABSENT_FOR, Phones

ANNA = "sip:anna@192.0.2.1"


def test_a_phone_that_was_missed_is_absent_for_a_while() -> None:
    phones = Phones()
    assert phones.present(ANNA, 0.0) is None
    phones.missed(ANNA, 0.0)
    assert phones.present(ANNA, ABSENT_FOR - 1) is False
    assert phones.present("sip:berta@192.0.2.1", 1.0) is None
    assert phones.present(ANNA, ABSENT_FOR) is None


def test_a_phone_that_is_heard_of_is_there_again() -> None:
    phones = Phones()
    phones.missed(ANNA, 0.0)
    phones.heard(ANNA)
    assert phones.present(ANNA, 1.0) is None


def test_strangers_phones_do_not_fill_the_memory() -> None:
    phones = Phones()
    for number in range(10_000):
        phones.missed(f"sip:{number}@192.0.2.1", 0.0)
    assert len(phones._absent) == 4096
    assert phones.present("sip:9999@192.0.2.1", 1.0) is False
    assert phones.present("sip:1@192.0.2.1", 1.0) is None
