"""A segment: the search data of at most 4,096 memories, as arrays, and its form as bytes.

The bytes are encrypted as one value, so the arrays need no further protection. A segment never changes; another
one takes its place. Pure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memory.crypto import DIMENSIONS, Rotation, Vectors

SIGNATURE_BYTES: Final = DIMENSIONS // 8
# Part of the stored data.
_FORMAT: Final = 1
_LENGTH: Final = struct.Struct(">I")
_ALIGNMENT: Final = 8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 32_767
_LARGEST_COUNT: Final = 65_535


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector as whole numbers of 16 bits, and the signs of its rotated form, 192 bytes.

    The scale of the numbers is not kept: cosines do not depend on it. 8 bits would take half the space, but change
    cosines by up to 0.0035 (measured), and with them the order of the best 8 hits of 30% of the questions.
    """

    numbers: NDArray[np.int16]
    signature: bytes

    @classmethod
    def of(cls, vector: Vectors, rotation: Rotation) -> Self:
        """`vector` is not rotated."""
        vector = np.asarray(vector, np.float32)
        return cls.of_rotated(rotation.apply(vector), vector)

    @classmethod
    def of_rotated(cls, rotated: Vectors, vector: Vectors) -> Self:
        """Of a rotated vector that is stored in a row, and the same vector before it was rotated."""
        largest = float(np.abs(vector).max(initial=0.0))
        numbers = np.rint(vector * (_LARGEST / largest if largest else 0.0)).astype(np.int16)
        return cls(np.trim_zeros(numbers, "b"), np.packbits(rotated > 0).tobytes())

    def plain(self) -> Vectors:
        """The vector, of length 1."""
        vector = self.numbers.astype(np.float32)
        size = float(np.linalg.norm(vector))
        return np.asarray(vector / size if size else vector, np.float32)

    def turned(self, rotation: Rotation) -> StoredVector:
        """The same vector, with the signature of another rotation."""
        return StoredVector.of(self.numbers.astype(np.float32), rotation)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a search compares of one memory. `terms` are `term_number`s, `counts` how often each occurs.

    Of several entries of a memory the one with the highest `stamp` counts.
    """

    id: UUID
    terms: NDArray[np.uint64]
    counts: NDArray[np.uint16]
    length: int
    created_at: datetime
    session: UUID | None = None
    model: str | None = None
    vector: StoredVector | None = None
    message: StoredVector | None = None
    stamp: int = 0

    @classmethod
    def of(cls, id_: UUID, counts: Mapping[bytes, int], length: int, at: datetime, session: UUID | None) -> Self:
        """An entry without vectors. `counts`: the occurrences of each blind term."""
        terms = np.fromiter((term_number(term) for term in counts), np.uint64, len(counts))
        times = np.fromiter((min(count, _LARGEST_COUNT) for count in counts.values()), np.uint16, len(counts))
        return cls(id_, terms, times, length, at, session)

    def under(self, counts: Mapping[bytes, int], rotation: Rotation) -> Entry:
        """This entry under another key, with the blind terms and the rotation of that key."""
        same = Entry.of(self.id, counts, self.length, self.created_at, self.session)
        return replace(
            self,
            terms=same.terms,
            counts=same.counts,
            vector=None if self.vector is None else self.vector.turned(rotation),
            message=None if self.message is None else self.message.turned(rotation),
        )

    def without_vectors(self) -> Entry:
        return replace(self, model=None, vector=None, message=None)


def term_number(term: bytes) -> int:
    """The first 8 bytes of a blind term: two of a million terms are equal with probability 3·10⁻⁸."""
    return int.from_bytes(term[:8], "big")


@dataclass(frozen=True, slots=True)
class Segment:
    """The arrays of some entries, one element (or row) per entry, sorted by id; n entries, m of them with a message.

    `ids`, `sessions`: (n, 2) halves of UUIDs; a session of zeros is none. `created`: microseconds since 1970. `models`:
    numbers into `model_names`, -1 for none. `vectors`: (n, d), `signatures`: (n, 192). `message_rows`: the row of
    `messages` and `message_signatures`, -1 for none. The occurrences of `terms[i]` are `docs` and `counts` from
    `starts[i]` until `starts[i + 1]`.
    """

    model_names: tuple[str, ...]
    ids: NDArray[np.uint64]
    stamps: NDArray[np.int64]
    lengths: NDArray[np.int32]
    created: NDArray[np.int64]
    sessions: NDArray[np.uint64]
    models: NDArray[np.int16]
    vectors: NDArray[np.int16]
    signatures: NDArray[np.uint8]
    message_rows: NDArray[np.int32]
    messages: NDArray[np.int16]
    message_signatures: NDArray[np.uint8]
    terms: NDArray[np.uint64]
    starts: NDArray[np.int32]
    docs: NDArray[np.int32]
    counts: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return sum(getattr(self, name).nbytes for name in _ARRAYS)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """The segment of these entries; each has another id."""
        rows = sorted(entries, key=lambda entry: entry.id.bytes)
        names = tuple(sorted({row.model for row in rows if row.model is not None}))
        numbers = {name: number for number, name in enumerate(names)}
        spoken = [place for place, row in enumerate(rows) if row.message is not None]
        message_rows = np.full(len(rows), -1, np.int32)
        message_rows[spoken] = np.arange(len(spoken), dtype=np.int32)
        vectors, signatures = _stacked([row.vector for row in rows])
        messages, message_signatures = _stacked([rows[place].message for place in spoken])
        sizes = [len(row.terms) for row in rows]
        every = np.concatenate([row.terms for row in rows]) if rows else np.empty(0, np.uint64)
        counts = np.concatenate([row.counts for row in rows]) if rows else np.empty(0, np.uint16)
        docs = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
        order = np.argsort(every, kind="stable")
        terms, first = np.unique(every[order], return_index=True)
        return cls(
            model_names=names,
            ids=_halves([row.id for row in rows]),
            stamps=np.array([row.stamp for row in rows], np.int64),
            lengths=np.array([row.length for row in rows], np.int32),
            created=np.array([micros(row.created_at) for row in rows], np.int64),
            sessions=_halves([row.session or UUID(int=0) for row in rows]),
            models=np.array([-1 if row.model is None else numbers[row.model] for row in rows], np.int16),
            vectors=vectors,
            signatures=signatures,
            message_rows=message_rows,
            messages=messages,
            message_signatures=message_signatures,
            terms=terms,
            starts=np.append(first, len(every)).astype(np.int32),
            docs=docs[order],
            counts=counts[order],
        )

    def entries(self) -> list[Entry]:
        """The entries, in the order of their ids."""
        order = np.argsort(self.docs, kind="stable")
        bounds = np.searchsorted(self.docs[order], np.arange(len(self) + 1))
        terms = np.repeat(self.terms, np.diff(self.starts))[order]
        counts = self.counts[order]
        return [self._entry(place, terms, counts, bounds) for place in range(len(self))]

    def _entry(
        self, place: int, terms: NDArray[np.uint64], counts: NDArray[np.uint16], bounds: NDArray[np.int64]
    ) -> Entry:
        own = slice(bounds[place], bounds[place + 1])
        model, row, session = int(self.models[place]), int(self.message_rows[place]), uuid_of(self.sessions[place])
        vector = StoredVector(self.vectors[place], self.signatures[place].tobytes())
        message = StoredVector(self.messages[row], self.message_signatures[row].tobytes()) if row >= 0 else None
        return Entry(
            uuid_of(self.ids[place]),
            terms[own],
            counts[own],
            int(self.lengths[place]),
            _EPOCH + timedelta(microseconds=int(self.created[place])),
            session if session.int else None,
            None if model < 0 else self.model_names[model],
            None if model < 0 else vector,
            message,
            int(self.stamps[place]),
        )

    def to_bytes(self) -> bytes:
        """A header in JSON, and the arrays one after the other."""
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        stored = {name: array.dtype.newbyteorder("<") for name, array in arrays.items()}
        shapes = {name: [stored[name].str, list(array.shape)] for name, array in arrays.items()}
        header = json.dumps({"format": _FORMAT, "models": self.model_names, "arrays": shapes}).encode()
        parts = [_padded(_LENGTH.pack(len(header)) + header)]
        parts += [_padded(array.astype(stored[name], copy=False).tobytes()) for name, array in arrays.items()]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The reverse of `to_bytes`. The arrays share the memory of `data`. Raises `ValueError` for other bytes."""
        (size,) = _LENGTH.unpack_from(data)
        header = json.loads(data[_LENGTH.size : _LENGTH.size + size])
        if header["format"] != _FORMAT:
            raise ValueError(f"a segment has format {header['format']}, and this release reads format {_FORMAT}")
        arrays: dict[str, Any] = {}
        at = _LENGTH.size + size
        for name, (dtype, shape) in header["arrays"].items():
            at += -at % _ALIGNMENT
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(data, dtype, count, at).reshape(shape)
            at += arrays[name].nbytes
        return cls(model_names=tuple(header["models"]), **arrays)


_ARRAYS: Final = tuple(name for name in Segment.__slots__ if name != "model_names")


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def uuid_of(halves: Sequence[Any] | NDArray[np.uint64]) -> UUID:
    """The UUID with these two halves."""
    return UUID(int=(int(halves[0]) << 64) | int(halves[1]))


def _halves(ids: Sequence[UUID]) -> NDArray[np.uint64]:
    """Shape (n, 2)."""
    return np.frombuffer(b"".join(id_.bytes for id_ in ids), ">u8").astype(np.uint64).reshape(-1, 2)


def _stacked(vectors: Sequence[StoredVector | None]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Vectors and signatures as two matrices; zeros where there is none. Shorter vectors are padded with zeros."""
    width = max((len(vector.numbers) for vector in vectors if vector is not None), default=0)
    numbers = np.zeros((len(vectors), width), np.int16)
    signatures = np.zeros((len(vectors), SIGNATURE_BYTES), np.uint8)
    for place, vector in enumerate(vectors):
        if vector is not None:
            numbers[place, : len(vector.numbers)] = vector.numbers
            signatures[place] = np.frombuffer(vector.signature, np.uint8)
    return numbers, signatures


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)
