"""Pure cryptography: encryption of values, keyed digests, blind search terms and the rotation of vectors.

Nothing here does I/O or knows about rows.
"""

from __future__ import annotations

from memory.crypto.blind_terms import AskedTerms, BlindTerms
from memory.crypto.cipher import Cipher, Purpose, Unreadable, digest, digest_key, revision_of
from memory.crypto.derive import KEY_BYTES, derive_key
from memory.crypto.revisions import NewestRevisions
from memory.crypto.rotation import DIMENSIONS, Rotation, Vectors

__all__ = [
    "DIMENSIONS",
    "KEY_BYTES",
    "AskedTerms",
    "BlindTerms",
    "Cipher",
    "NewestRevisions",
    "Purpose",
    "Rotation",
    "Unreadable",
    "Vectors",
    "derive_key",
    "digest",
    "digest_key",
    "revision_of",
]
