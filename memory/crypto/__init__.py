"""Pure cryptography: sealing values, keyed digests, blind search terms and the rotation of vectors.

Nothing here does I/O or knows about rows.
"""

from __future__ import annotations

from memory.crypto.blind_terms import BlindTerms
from memory.crypto.cipher import (
    Unreadable,
    digest,
    digest_key,
    seal,
    unseal,
    well_formed,
)
from memory.crypto.rotation import DIMENSIONS, Rotation, Vectors

__all__ = [
    "DIMENSIONS",
    "BlindTerms",
    "Rotation",
    "Unreadable",
    "Vectors",
    "digest",
    "digest_key",
    "seal",
    "unseal",
    "well_formed",
]
