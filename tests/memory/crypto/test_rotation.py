"""The keyed rotation keeps cosines, and has nothing in common with the rotation of another key."""

from __future__ import annotations

import time

import numpy as np
import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.crypto.rotation import DIMENSIONS, Rotation, Vectors

KEYS = st.binary(min_size=32, max_size=44)


def unit_vectors(count: int, size: int, seed: int = 0) -> Vectors:
    """Vectors like those of a real model: close to each other, because they share a mean."""
    vectors = np.random.default_rng(seed).normal(0.5, 1, size=(count, size)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@settings(max_examples=25, deadline=None)
@given(KEYS, st.integers(1, DIMENSIONS), st.integers(0, 2**32 - 1))
def test_cosines_are_kept(key: bytes, size: int, seed: int) -> None:
    vectors = unit_vectors(8, size, seed)
    turned = Rotation(key).apply(vectors)
    assert turned.shape == (8, DIMENSIONS)
    assert turned.dtype == np.float32
    assert np.abs(turned @ turned.T - vectors @ vectors.T).max() < 1e-5


@settings(max_examples=25, deadline=None)
@given(KEYS, st.integers(1, DIMENSIONS))
def test_undone_by_its_key(key: bytes, size: int) -> None:
    vectors = unit_vectors(3, size)
    rotation = Rotation(key)
    restored = rotation.undo(rotation.apply(vectors))
    assert np.abs(restored[:, :size] - vectors).max() < 1e-5
    assert np.abs(restored[:, size:]).max(initial=0) < 1e-5


def test_one_vector_turns_as_it_does_among_others() -> None:
    rotation, vectors = Rotation(b"k" * 32), unit_vectors(5, 384)
    assert np.allclose(rotation.apply(vectors[2]), rotation.apply(vectors)[2], atol=1e-5)


def test_the_same_for_the_same_key() -> None:
    vector = np.linspace(-1, 1, 384).astype(np.float32)
    first, again = (Rotation(b"k" * 32).apply(vector) for _ in range(2))
    assert np.array_equal(first, again)
    # A search needs the same rotation as the stored vectors, on every machine and in every release.
    assert np.allclose(first[:4], EXPECTED, atol=1e-5)


EXPECTED = [-0.317461, -0.140921, 0.04776, -0.173076]


def test_between_users_cosines_are_centred_on_zero() -> None:
    vectors = unit_vectors(40, 384)
    assert (vectors @ vectors.T).mean() > 0.15
    turned = [Rotation(Fernet.generate_key()).apply(vectors) for _ in range(12)]
    across = np.array([(one @ other.T).mean() for one in turned for other in turned if one is not other])
    same_text = np.array([np.sum(one * other, axis=1) for one in turned for other in turned if one is not other])
    # The cosines of independent directions have a standard deviation of 1/sqrt(1536) = 0.026.
    assert abs(across.mean()) < 0.01
    assert abs(same_text.mean()) < 0.01
    assert same_text.std() == pytest.approx(DIMENSIONS**-0.5, rel=0.3)


def test_a_vector_spreads_over_all_dimensions() -> None:
    one_hot = np.zeros(DIMENSIONS, np.float32)
    one_hot[7] = 1
    assert np.abs(Rotation(b"k" * 32).apply(one_hot)).max() < 0.2


def test_under_a_millisecond() -> None:
    rotation, vector = Rotation(b"k" * 32), unit_vectors(1, 384)[0]
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        rotation.apply(vector)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.001


def test_refusals_and_what_it_shows() -> None:
    with pytest.raises(ValueError, match="at most 1536"):
        Rotation(b"k" * 32).apply(np.zeros(1537, np.float32))
    with pytest.raises(ValueError, match="at least 32"):
        Rotation(b"short")
    assert repr(Rotation(b"k" * 32)) == "<Rotation>"
