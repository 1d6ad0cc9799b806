-- Replaces the contents of a memory: updated by a near duplicate, or re-encrypted with another key.
UPDATE memory_associative
SET content_encrypted = %(content_encrypted)s,
    embedding = %(embedding)s,
    embedding_model = %(embedding_model)s,
    length = %(length)s,
    content_digest = %(content_digest)s,
    source_id = coalesce(%(source_id)s, source_id),
    updated_at = coalesce(%(at)s, updated_at),
    last_seen_at = coalesce(%(at)s, last_seen_at),
    hits = hits + %(hits)s
WHERE user_id = %(user_id)s AND id = %(id)s
RETURNING id;
