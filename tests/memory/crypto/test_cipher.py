"""Encrypted values: bound to the user, the column, the row and the revision; those of earlier releases are read."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from memory.crypto.cipher import Cipher, Purpose, Unreadable, revision_of
from tests.memory.legacy import legacy_token

ANN, BEN = UUID(int=1), UUID(int=2)
KEY = Fernet.generate_key()
CIPHER = Cipher(ANN, KEY)
PURPOSE = Purpose("memory_core", "value_encrypted", "home", "core:home")
TOKEN = CIPHER.seal(PURPOSE, "Lyon", 7)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=5,
)


@given(value=JSON, revision=st.integers(0, 2**64 - 1))
def test_a_value_and_its_revision_are_read_back(value: object, revision: int) -> None:
    token = CIPHER.seal(PURPOSE, value, revision)
    assert CIPHER.unseal(PURPOSE, token) == value
    assert revision_of(token) == revision
    assert token != CIPHER.seal(PURPOSE, value, revision)


@pytest.mark.parametrize("number", [float("inf"), -1e308, 1e-320, 2**70, -(2**64), 0.1])
def test_a_number_is_read_back_also_if_it_is_outside_the_standard(number: float) -> None:
    value = [number, "\U0001f600", {"é": [number]}]
    assert CIPHER.unseal(PURPOSE, CIPHER.seal(PURPOSE, value)) == value


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (b'"\\ud800"', "\ud800"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b" [1e400] ", [float("inf")]),
        (b'"\x7f\\u0000"', "\x7f\0"),
    ],
)
def test_json_of_earlier_releases_is_read_as_they_read_it(stored: bytes, value: object) -> None:
    assert CIPHER.unseal(PURPOSE, CIPHER.seal_bytes(PURPOSE, stored)) == value


@pytest.mark.parametrize("stored", [b"", b"{", b'"\xff"', b"[1] 2"])
def test_a_value_that_is_not_json_is_unreadable(stored: bytes) -> None:
    with pytest.raises(Unreadable, match="is not JSON"):
        CIPHER.unseal(PURPOSE, CIPHER.seal_bytes(PURPOSE, stored))


@pytest.mark.parametrize(
    "elsewhere",
    [
        PURPOSE._replace(table="memory_episodic"),
        PURPOSE._replace(column="history_encrypted"),
        PURPOSE._replace(row="employer"),
        # The boundaries between the names are authenticated too.
        PURPOSE._replace(table="memory_corev", column="alue_encrypted"),
        PURPOSE._replace(column="value_encryptedh", row="ome"),
    ],
)
def test_a_value_does_not_decrypt_elsewhere(elsewhere: Purpose) -> None:
    with pytest.raises(Unreadable) as raised:
        CIPHER.unseal(elsewhere, TOKEN)
    assert "Lyon" not in str(raised.value)


def test_a_value_does_not_decrypt_for_another_user_with_the_same_key() -> None:
    with pytest.raises(Unreadable):
        Cipher(BEN, KEY).unseal(PURPOSE, TOKEN)


def test_a_value_does_not_decrypt_with_another_key() -> None:
    with pytest.raises(Unreadable):
        Cipher(ANN, Fernet.generate_key()).unseal(PURPOSE, TOKEN)


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_value_does_not_decrypt(position: int, bit: int) -> None:
    changed = bytearray(TOKEN)
    changed[position % len(changed)] ^= 1 << bit
    with pytest.raises(Unreadable):
        CIPHER.unseal(PURPOSE, bytes(changed))


@pytest.mark.parametrize("length", [0, 1, 8, 9, 20, 21, 36, len(TOKEN) - 1])
def test_a_shortened_value_does_not_decrypt(length: int) -> None:
    with pytest.raises(Unreadable):
        CIPHER.unseal(PURPOSE, TOKEN[:length])
    assert revision_of(TOKEN[:length]) == (7 if length > 8 else 0)


def test_a_value_of_an_earlier_release_is_read_in_its_place_only() -> None:
    legacy = legacy_token(KEY, PURPOSE, {"city": "Lyon"})
    assert CIPHER.unseal(PURPOSE, legacy) == {"city": "Lyon"}
    assert revision_of(legacy) == 0
    with pytest.raises(Unreadable, match="another row"):
        CIPHER.unseal(PURPOSE._replace(legacy="core:employer"), legacy)
    with pytest.raises(Unreadable):
        Cipher(ANN, Fernet.generate_key()).unseal(PURPOSE, legacy)


def test_nothing_of_the_key_is_shown() -> None:
    assert repr(CIPHER) == "<Cipher>"
