"""Master keys: validation, wrapping, rotation, and derived keys."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from memory.keys.master import KeyRing, UnboundKey, WrongMasterKey, check_master_key, is_bound, new_master_key
from tests.memory.legacy import legacy_wrapped

OLD, NEW = new_master_key(), new_master_key()
ANN, BEN = UUID(int=1), UUID(int=2)
USER_KEY = Fernet.generate_key()
SHARE = b"s" * 32


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("share", [b"", SHARE])
def test_a_user_key_is_usable_only_unwrapped(share: bytes) -> None:
    ring = KeyRing([NEW])
    wrapped = ring.wrap(ANN, USER_KEY, share)
    assert ring.unwrap(ANN, wrapped, share) == USER_KEY
    assert wrapped != ring.wrap(ANN, USER_KEY, share)
    with pytest.raises(ValueError, match="Fernet key"):
        Fernet(wrapped)


@pytest.mark.parametrize("share", [b"", SHARE])
def test_rotation_keeps_user_keys_and_moves_them_to_the_first_master_key(share: bytes) -> None:
    wrapped = KeyRing([OLD]).wrap(ANN, USER_KEY, share)
    both = KeyRing([NEW, OLD])
    assert both.unwrap(ANN, wrapped, share) == USER_KEY
    assert not both.is_current(ANN, wrapped, share)
    rewrapped = both.rewrap(ANN, wrapped, share)
    assert both.is_current(ANN, rewrapped, share)
    assert KeyRing([NEW]).unwrap(ANN, rewrapped, share) == USER_KEY
    with pytest.raises(WrongMasterKey):
        KeyRing([OLD]).unwrap(ANN, rewrapped, share)
    # New keys are wrapped by the first master key from the start.
    KeyRing([NEW]).unwrap(ANN, both.wrap(ANN, USER_KEY, share), share)


def test_a_share_is_needed_as_much_as_the_master_key() -> None:
    ring = KeyRing([NEW])
    wrapped = ring.wrap(ANN, USER_KEY, SHARE)
    for share in (b"", b"t" * 32):
        with pytest.raises(WrongMasterKey):
            ring.unwrap(ANN, wrapped, share)


@pytest.mark.parametrize(
    "wrapped",
    [b"", b"\xff", b"no token", KeyRing([OLD]).wrap(ANN, Fernet.generate_key())],
    ids=["empty", "not UTF-8", "no token", "another master key"],
)
def test_what_cannot_be_unwrapped(wrapped: bytes) -> None:
    ring = KeyRing([NEW])
    for operation in (ring.unwrap, ring.rewrap):
        with pytest.raises(WrongMasterKey, match="TESSERA_MASTER_KEYS"):
            operation(ANN, wrapped)


def test_what_is_wrapped_must_be_a_key() -> None:
    with pytest.raises(WrongMasterKey):
        KeyRing([NEW]).unwrap(ANN, Fernet(NEW).encrypt(b"not a key"))


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_token_is_never_accepted(position: int, bit: int) -> None:
    ring = KeyRing([NEW])
    wrapped = bytearray(WRAPPED)
    wrapped[position % len(wrapped)] ^= 1 << bit
    with pytest.raises(WrongMasterKey):
        ring.unwrap(ANN, bytes(wrapped))


@pytest.mark.parametrize("share", [b"", SHARE])
def test_a_wrapped_key_does_not_unwrap_for_another_user(share: bytes) -> None:
    ring = KeyRing([NEW])
    wrapped = ring.wrap(ANN, USER_KEY, share)
    for operation in (ring.unwrap, ring.rewrap):
        with pytest.raises(WrongMasterKey):
            operation(BEN, wrapped, share)
    assert not ring.is_current(BEN, wrapped, share)


@pytest.mark.parametrize("share", [b"", SHARE])
def test_a_key_of_an_earlier_release_unwraps_until_it_is_refused_and_is_bound_by_rewrapping(share: bytes) -> None:
    legacy = legacy_wrapped(NEW, USER_KEY, share)
    ring, strict = KeyRing([NEW]), KeyRing([NEW], refuse_unbound=True)
    assert ring.unwrap(ANN, legacy, share) == USER_KEY
    assert not is_bound(legacy)
    assert not ring.is_current(ANN, legacy, share)
    for operation in (strict.unwrap, strict.rewrap):
        with pytest.raises(UnboundKey, match="rotate-master-key"):
            operation(ANN, legacy, share)
    bound = ring.rewrap(ANN, legacy, share)
    assert is_bound(bound)
    assert strict.unwrap(ANN, bound, share) == USER_KEY
    with pytest.raises(WrongMasterKey):
        strict.unwrap(BEN, bound, share)


WRAPPED = KeyRing([NEW]).wrap(ANN, USER_KEY)


def test_derived_keys_differ_by_label_and_master_key_and_never_change() -> None:
    ring = KeyRing([NEW, OLD])
    tokens = ring.derive("access tokens")
    assert [len(key) for key in tokens] == [32, 32]
    assert tokens == KeyRing([NEW, OLD]).derive("access tokens")
    assert tokens[1:] == KeyRing([OLD]).derive("access tokens")
    others = ring.derive("access token")
    masters = [base64.urlsafe_b64decode(key) for key in (NEW, OLD)]
    assert len({*tokens, *others, *masters}) == 6
    with pytest.raises(ValueError, match="label"):
        ring.derive("")


def test_a_derived_key_is_the_one_it_always_was() -> None:
    ring = KeyRing([encoded(bytes(range(32)))])
    # HKDF-SHA256 (RFC 5869) without salt, info "tessera:access tokens", computed with hmac and hashlib alone.
    assert ring.derive("access tokens") == [
        bytes.fromhex("9c626abd8e64df7506c3b209f88d951718e6cfa105d2da5ab3b97d9dbfae54c4")
    ]


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "this one has 0"),
        (encoded(bytes(range(16))), "this one has 16"),
        (encoded(bytes(range(33))), "this one has 33"),
        ("not base64!", "must be URL-safe base64"),
        ("é" * 44, "must be URL-safe base64"),
        (NEW + "\n", "must be URL-safe base64"),
        (encoded(bytes(32)), "must be random"),
        (encoded(b"changeme" * 4), "must be random"),
    ],
    # NEW is random, and every test worker must give a test the same name.
    ids=range(8),
)
def test_what_is_no_master_key(key: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as told:
        check_master_key(key)
    assert not key or key not in str(told.value)
    with pytest.raises(ValueError, match=complaint):
        KeyRing([NEW, key])


def test_a_ring_needs_distinct_keys() -> None:
    for keys, complaint in (([], "at least one"), ([NEW, OLD, NEW], "twice")):
        with pytest.raises(ValueError, match=complaint):
            KeyRing(keys)


@given(raw=st.binary(min_size=32, max_size=32).filter(lambda raw: len(set(raw)) >= 8))
def test_every_random_key_is_taken_as_it_is(raw: bytes) -> None:
    assert check_master_key(encoded(raw)) == encoded(raw)


def test_no_key_is_shown() -> None:
    ring = KeyRing([NEW, OLD])
    assert repr(ring) == str(ring) == f"{ring}" == "<KeyRing of 2>"
