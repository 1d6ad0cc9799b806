"""Keyed rotation of embeddings: vectors of one user keep their cosines, and are meaningless without the user's key.

A vector is padded with zeros to 1536 numbers and multiplied by an orthonormal matrix derived from the user's key: three
rounds of sign flips, a permutation, and a fixed orthonormal transform (Walsh-Hadamard over 512 times a 3-point DCT, for
1536 = 3 * 512). Angles and lengths are preserved, so PostgreSQL can search the rotated vectors like the original ones.

This is not semantic security, because it keeps the cosines between one user's vectors. A reader of the database sees
which memories are similar. With a list of texts that may be stored, the reader can name those that are: of 300 rows,
all 150 whose text was on a list of 657 were named, without a single known pair. With as many known pairs of text and
vector as the embedding has numbers (384, 896 or 1536), the reader can compute the matrix. Inverting a single vector,
and comparing the vectors of two users, needs the key.
`tests/memory/crypto/test_limits.py` and `bench/memories/attacks.py` show all of this.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from memory.crypto.derive import derive_key

DIMENSIONS: Final = 1536

Vectors = NDArray[np.float32]

_LABEL: Final = b"tessera:user:vector-rotation:1"
_ROUNDS: Final = 3
_WIDE: Final = 512


def _hadamard(size: int) -> Vectors:
    """The orthonormal, symmetric Walsh-Hadamard matrix; `size` is a power of two."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.sqrt(size), np.float32)


def _dct3() -> Vectors:
    """The orthonormal 3-point DCT-II."""
    rows, columns = np.mgrid[0:3, 0:3]
    matrix = np.cos(np.pi * (columns + 0.5) * rows / 3) * np.sqrt(2 / 3)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


# The 512-point transform as two small ones: the Kronecker product of Hadamard matrices is one.
_HADAMARD_16: Final = _hadamard(16)
_HADAMARD_32: Final = _hadamard(32)
_DCT_3: Final = _dct3()


class Rotation:
    """One user's rotation. Safe to share between threads. It has 14 KB that are as secret as the key."""

    __slots__ = ("_orders", "_signs")

    def __init__(self, user_key: bytes) -> None:
        """`user_key`: the user's Fernet key. Takes about 0.3 ms. Raises `ValueError` if it is too short."""
        # SHAKE-256, because the stream of numpy's generators may change between releases.
        stream = hashlib.shake_256(derive_key(user_key, _LABEL)).digest(_ROUNDS * DIMENSIONS * 9)
        numbers = np.frombuffer(stream[: _ROUNDS * DIMENSIONS * 8], "<u8").reshape(_ROUNDS, DIMENSIONS)
        coins = np.frombuffer(stream[_ROUNDS * DIMENSIONS * 8 :], np.uint8).reshape(_ROUNDS, DIMENSIONS)
        # Small types, because a server keeps the rotation of every connected person.
        self._orders = np.argsort(numbers, axis=1, kind="stable").astype(np.uint16)
        self._signs = np.where(coins & 1, np.int8(1), np.int8(-1))

    def __repr__(self) -> str:
        return "<Rotation>"

    def apply(self, vectors: Vectors) -> Vectors:
        """Rotate vectors of shape (..., d), d <= 1536, to shape (..., 1536). Inner products are preserved.

        Raises `ValueError` for a larger d.
        """
        size = vectors.shape[-1]
        if size > DIMENSIONS:
            raise ValueError(f"a vector has at most {DIMENSIONS} dimensions, this one has {size}")
        rotated = np.zeros((*vectors.shape[:-1], DIMENSIONS), np.float32)
        rotated[..., :size] = vectors
        for order, signs in zip(self._orders, self._signs, strict=True):
            rotated = _transform((rotated * signs)[..., order])
        return rotated

    def undo(self, rotated: Vectors) -> Vectors:
        """The inverse of `apply`: the original vectors, padded with zeros to 1536. Key rotation needs it."""
        vectors = rotated
        for order, signs in zip(self._orders[::-1], self._signs[::-1], strict=True):
            restored = np.empty_like(vectors)
            restored[..., order] = _transform_back(vectors)
            vectors = restored * signs
        return vectors


def _transform(vectors: Vectors) -> Vectors:
    rotated: Vectors = np.matmul(_DCT_3, _hadamard_512(vectors.reshape(-1, 3, _WIDE)))
    return rotated.reshape(vectors.shape)


def _transform_back(vectors: Vectors) -> Vectors:
    """The inverse: a Hadamard matrix is its own, the DCT's is its transpose."""
    wide = np.matmul(_DCT_3.T, vectors.reshape(-1, 3, _WIDE))
    return _hadamard_512(wide).reshape(vectors.shape)


def _hadamard_512(wide: Vectors) -> Vectors:
    square: Vectors = np.matmul(np.matmul(_HADAMARD_16, wide.reshape(-1, 3, 16, 32)), _HADAMARD_32)
    return square.reshape(wide.shape)
