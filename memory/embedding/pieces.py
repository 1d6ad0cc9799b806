"""Reads a SentencePiece model of word pieces, and makes a tokenizer of the library `tokenizers` from it.

The file is a message of Protocol Buffers (sentencepiece_model.proto). Read are the pieces with their scores, and the
compiled table of the normaliser.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN: Final = 0
BEGIN: Final = 1
END: Final = 2

_PIECE, _NORMALISER = 1, 3
_TEXT, _SCORE = 1, 2
_TABLE: Final = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_tokenizer(content: bytes) -> Tokenizer:
    """The tokenizer of the model file `content`. Its ids are without `BEGIN` and `END`.

    Raises `ValueError` if `content` is not such a file.
    """
    # Imported here because the extra is optional.
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415

    pieces: list[tuple[str, float]] = []
    table = b""
    for field, value in _fields(content):
        if field == _PIECE:
            parts = dict(_fields(value))
            score = struct.unpack("<f", parts[_SCORE])[0] if _SCORE in parts else 0.0
            pieces.append((parts[_TEXT].decode(), score))
        elif field == _NORMALISER:
            table = dict(_fields(value)).get(_TABLE, b"")
    if not pieces or not table:
        raise ValueError("the file has no word pieces, or no table of the normaliser")
    tokenizer = Tokenizer(models.Unigram(pieces, UNKNOWN, False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(table), normalizers.Replace(Regex(" +"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    return tokenizer


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message with their bytes. Numbers of variable length are left out: nothing here needs them."""
    place = 0
    while place < len(content):
        tag, place = _number(content, place)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, place = _number(content, place)
            continue
        if kind == _BYTES:
            size, place = _number(content, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"the file has a field of the unknown kind {kind}")
        if place + size > len(content):
            raise ValueError("the file ends within a field")
        yield field, content[place : place + size]
        place += size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """The number of variable length at `place`, and the place after it."""
    number = shift = 0
    while place < len(content):
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
    raise ValueError("the file ends within a number")
