"""The segments of one user in memory, with the figures that a search needs of all of them together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memory.crypto import Rotation, Vectors
from memory.segments.segment import Entry, Segment, uuid_of

T = TypeVar("T", bound=np.generic)

_EVEN_BYTES: Final = np.uint64(0x00FF00FF00FF00FF)
_SUM: Final = np.uint64(0x0001000100010001)
"""A product with this number has the sum of the factor's four numbers of 16 bits in its highest 16 bits."""
NO_DISTANCE: Final = np.iinfo(np.int32).max
"""The distance of a memory without a vector of the model."""


class LoadedIndex:
    """All segments of one user. A row is a place in the concatenation of the segments."""

    def __init__(self, segments: Mapping[UUID, Segment], unreadable: Collection[UUID] = ()) -> None:
        """`segments`: by the id of their row in the database. `unreadable`: ids of those that can't be decrypted."""
        self.segments = dict(segments)
        self.unreadable = frozenset(unreadable)
        parts = list(self.segments.values())
        self._bases = np.cumsum([0, *(len(part) for part in parts)])
        self.ids = _joined([part.ids for part in parts], np.empty((0, 2), np.uint64))
        stamps = _joined([part.stamps for part in parts], np.empty(0, np.int64))
        order = np.lexsort((stamps, self.ids[:, 1], self.ids[:, 0]))
        in_order = self.ids[order]
        newest = np.ones(len(order), bool)
        newest[:-1] = np.any(in_order[1:] != in_order[:-1], axis=1)
        self.id_places = np.empty(len(order), np.int32)
        """For each row its place in the order of ids."""
        self.id_places[order] = np.arange(len(order), dtype=np.int32)
        self.present = np.zeros(len(order), bool)
        """Whether a row is the newest entry of its memory."""
        self.present[order[newest]] = True
        self.present_rows = np.flatnonzero(self.present)
        """The rows that are the newest entry of their memory."""
        self.lengths = _joined([part.lengths for part in parts], np.empty(0, np.int32))
        self.created = _joined([part.created for part in parts], np.empty(0, np.int64))
        said_in = _joined([part.sessions for part in parts], np.empty((0, 2), np.uint64))
        said_alone = ~np.any(said_in, axis=1, keepdims=True)
        self.sessions = _numbered(np.where(said_alone, self.ids, said_in))
        """For each row the number of its conversation. A memory without a conversation counts as one."""

    def __len__(self) -> int:
        """The number of memories."""
        return len(self.present_rows)

    @cached_property
    def size(self) -> int:
        """Bytes of the arrays."""
        own = (
            self.ids,
            self.id_places,
            self.present,
            self.present_rows,
            self.lengths,
            self.created,
            self.sessions,
        )
        return sum(array.nbytes for array in own) + sum(part.size for part in self.segments.values())

    @property
    def state(self) -> frozenset[UUID]:
        """The ids of all segments."""
        return self.unreadable | self.segments.keys()

    @property
    def last_stamp(self) -> int:
        return max((int(part.stamps.max(initial=0)) for part in self.segments.values()), default=0)

    def id_of(self, row: int) -> UUID:
        return uuid_of(self.ids[row])

    def distances(self, model: str, signature: NDArray[np.uint8], *, messages: bool = True) -> NDArray[np.int32]:
        """For each row the number of different signs, of the whole text or of the message if that is nearer.

        `NO_DISTANCE` for a memory without a vector of `model`. `signature`: 192 bytes. `messages`: compare them too.
        """
        wanted, found = signature.view(np.uint64), []
        for part in self.segments.values():
            nearest = np.full(len(part), NO_DISTANCE, np.int32)
            if model in part.model_names:
                own = part.models == part.model_names.index(model)
                nearest = np.where(own, _different(part.signatures, wanted), NO_DISTANCE).astype(np.int32)
                spoken = own & (part.message_rows >= 0) & messages
                of_messages = _different(part.message_signatures, wanted)[part.message_rows[spoken]]
                nearest[spoken] = np.minimum(nearest[spoken], of_messages)
            found.append(nearest)
        return _joined(found, np.empty(0, np.int32))

    def cosines(
        self, model: str, vector: Vectors, rows: NDArray[np.int64], *, messages: bool = True
    ) -> NDArray[np.float64]:
        """For each of `rows` the cosine with `vector`, of the whole text or of the message if that is nearer.

        NaN for a memory without a vector of `model`. `messages`: compare them too.
        """
        found = np.full(len(rows), np.nan)
        parts = np.searchsorted(self._bases, rows, side="right") - 1
        for number, part in enumerate(self.segments.values()):
            mine = np.flatnonzero(parts == number)
            if not len(mine) or model not in part.model_names:
                continue
            mine = mine[part.models[rows[mine] - self._bases[number]] == part.model_names.index(model)]
            places = rows[mine] - self._bases[number]
            found[mine] = _cosines(part.vectors[places], vector)
            places_said = part.message_rows[places]
            spoken = (places_said >= 0) & messages
            alone = _cosines(part.messages[places_said[spoken]], vector)
            found[mine[spoken]] = np.fmax(found[mine[spoken]], alone)
        return found

    def nearest(self, model: str, vector: Vectors, rotation: Rotation, limit: int) -> dict[UUID, float]:
        """The memories with the nearest signatures of their whole texts, and their cosines with `vector`."""
        distances = self.distances(model, np.packbits(rotation.apply(vector) > 0), messages=False)
        rows = np.flatnonzero(self.present & (distances != NO_DISTANCE))
        rows = rows[np.argsort(distances[rows], kind="stable")[:limit]]
        cosines = self.cosines(model, vector, rows, messages=False)
        return {self.id_of(row): float(cosine) for row, cosine in zip(rows.tolist(), cosines, strict=True)}

    def occurrences(self, term: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that contain the term, present ones only, and how often each does."""
        rows, counts = [], []
        for number, part in enumerate(self.segments.values()):
            place = int(np.searchsorted(part.terms, np.uint64(term)))
            if place < len(part.terms) and int(part.terms[place]) == term:
                own = slice(int(part.starts[place]), int(part.starts[place + 1]))
                rows.append(part.docs[own] + self._bases[number])
                counts.append(part.counts[own].astype(np.float64))
        every = _joined(rows, np.empty(0, np.int64))
        times = _joined(counts, np.empty(0, np.float64))
        present = self.present[every]
        return every[present], times[present]

    def present_ids(self, model: str | None = None) -> set[UUID]:
        """The ids of all memories; with `model`, of those that have a vector of it."""
        rows = self.present
        if model is not None:
            having = [
                part.models == part.model_names.index(model) if model in part.model_names else np.zeros(len(part), bool)
                for part in self.segments.values()
            ]
            rows = rows & _joined(having, np.empty(0, bool))
        return {uuid_of(halves) for halves in self.ids[rows]}

    def models(self) -> dict[UUID, str]:
        """The embedding model of each memory that has a vector."""
        found = {}
        for number, part in enumerate(self.segments.values()):
            present = self.present[self._bases[number] : self._bases[number + 1]]
            for row in np.flatnonzero(present & (part.models >= 0)).tolist():
                found[uuid_of(part.ids[row])] = part.model_names[int(part.models[row])]
        return found

    def ids_in(self, segment: UUID) -> list[UUID]:
        """The memories whose newest entry is in this segment."""
        number = list(self.segments).index(segment)
        present = self.present[self._bases[number] : self._bases[number + 1]]
        return [uuid_of(halves) for halves in self.segments[segment].ids[present]]

    def entries(self, ids: Iterable[UUID] | None = None) -> dict[UUID, Entry]:
        """The newest entries of these memories, or of all, by id. An unknown id has none."""
        wanted = None if ids is None else set(ids)
        found: dict[UUID, Entry] = {}
        for number, part in enumerate(self.segments.values()):
            rows = np.flatnonzero(self.present[self._bases[number] : self._bases[number + 1]])
            places = [place for place in rows.tolist() if wanted is None or uuid_of(part.ids[place]) in wanted]
            if places:
                entries = part.entries()
                found |= {entries[place].id: entries[place] for place in places}
        return found


def _different(signatures: NDArray[np.uint8], wanted: NDArray[np.uint64]) -> NDArray[np.int32]:
    """For each row the number of different bits, at most 1,536."""
    counts = np.bitwise_count(signatures.view(np.uint64) ^ wanted)
    # 24 counts of one byte, at most 64, are added within whole words, because a sum along a short axis is slow.
    thirds = counts.view(np.uint64)
    eight = thirds[:, 0] + thirds[:, 1] + thirds[:, 2]
    four = (eight & _EVEN_BYTES) + ((eight >> np.uint64(8)) & _EVEN_BYTES)
    return np.asarray((four * _SUM) >> np.uint64(48), np.int32)


def _cosines(numbers: NDArray[np.int16], vector: Vectors) -> NDArray[np.float64]:
    """Row by row, so that equal vectors have equal cosines."""
    width = min(numbers.shape[1], len(vector))
    rows, asked = numbers.astype(np.float64), vector.astype(np.float64)
    products = (rows[:, :width] * asked[:width]).sum(axis=1)
    sizes = np.sqrt((rows * rows).sum(axis=1)) * np.sqrt((asked * asked).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(products / sizes, np.float64)


def _numbered(keys: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Numbers from 0 for the different rows of `keys`, shape (n, 2)."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    in_order = keys[order]
    new = np.zeros(len(order), np.int32)
    new[1:] = np.any(in_order[1:] != in_order[:-1], axis=1)
    numbers = np.empty(len(order), np.int32)
    numbers[order] = np.cumsum(new, dtype=np.int32)
    return numbers


def _joined(parts: Sequence[NDArray[T]], empty: NDArray[T]) -> NDArray[T]:
    """The concatenation of `parts`; `empty` if there are none."""
    return np.concatenate(parts) if parts else empty
