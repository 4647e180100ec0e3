from __future__ import annotations

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from db import passwords
from db.errors import PasswordRefusedError


def test_a_hash_is_argon2id_with_19_mib_and_two_passes() -> None:
    found = extract_parameters(passwords.hashed("secret"))
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 19456, 2, 1)


def test_two_hashes_of_one_password_differ_and_both_match() -> None:
    one, two = passwords.hashed("secret"), passwords.hashed("secret")
    assert one != two
    assert passwords.matches(one, "secret")
    assert passwords.matches(two, "secret")
    assert not passwords.matches(one, "Secret")


@pytest.mark.parametrize("password", ["pässwört 🔑", "\udcff\udc80", "x" * 256, " "])
def test_any_text_can_be_a_password(password: str) -> None:
    assert passwords.matches(passwords.hashed(password), password)


def test_what_is_cut_off_does_not_count_as_right() -> None:
    kept = passwords.hashed("x" * 256)
    assert not passwords.matches(kept, "x" * 257)
    for password in ("", "x" * 257):
        with pytest.raises(PasswordRefusedError, match="password"):
            passwords.hashed(password)


@pytest.mark.parametrize("kept", ["", "secret", "$argon2id$v=19$nonsense", "\0", "ä"])
def test_nothing_matches_what_is_no_hash(kept: str) -> None:
    assert not passwords.matches(kept, "nobody's")
    assert not passwords.matches(kept, "")
    assert not passwords.matches(kept, kept)


def test_nobody_is_checked_as_dearly_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = passwords.hashed("secret")
    checked: list[str] = []
    hasher = passwords._HASHER

    class Watched:
        hash = hasher.hash

        def verify(self, password_hash: str, password: bytes) -> bool:
            checked.append(password_hash)
            return hasher.verify(password_hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched())
    assert not passwords.matches(kept, "wrong")
    assert not passwords.matches("", "wrong")
    of_somebody, of_nobody = map(extract_parameters, checked)
    assert of_somebody == of_nobody


def test_a_foreign_hash_is_taken_only_if_a_login_with_it_is_cheap() -> None:
    def made(memory: int, passes: int, lanes: int = 1, kind: Type = Type.ID) -> str:
        parameters = f"m={memory},t={passes},p={lanes}"
        return f"$argon2{kind.name.lower()}$v=19${parameters}$c2FsdHNhbHQ${'A' * 43}"

    assert passwords.hash_problem(passwords.hashed("secret")) == ""
    assert passwords.hash_problem(PasswordHasher(1, 1024, 1, type=Type.ID).hash("x")) == ""
    assert passwords.hash_problem(made(19456, 2)) == ""
    for dear in (made(4_000_000, 2), made(19456, 1000), made(19456, 2, 64)):
        assert "costs more" in passwords.hash_problem(dear)
    for other in (made(1024, 1, kind=Type.I), "secret", "$1$abc$def", "", "$argon2id$", "x" * 300, "ä"):
        assert passwords.hash_problem(other)
