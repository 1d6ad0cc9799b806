"""Repair of text that is not valid Unicode. It is applied where text enters memory, and nowhere deeper."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """`text` as valid Unicode: the halves of a surrogate pair are joined, an unpaired surrogate becomes U+FFFD.

    JSON can contain unpaired surrogates (a model may stream an emoji as two halves). UTF-8 can't encode them, so
    neither PostgreSQL, a tokenizer nor a model's API takes them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
