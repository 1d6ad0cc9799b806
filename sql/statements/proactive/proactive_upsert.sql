-- Adds a pattern, or updates the one with the same digest.
INSERT INTO memory_proactive (user_id, id, pattern_digest, pattern_encrypted, confidence, source, updated_at)
VALUES (%(user_id)s, %(id)s, %(pattern_digest)s, %(pattern_encrypted)s, %(confidence)s, %(source)s, %(at)s)
ON CONFLICT (user_id, pattern_digest) DO UPDATE
SET pattern_encrypted = excluded.pattern_encrypted,
    confidence = excluded.confidence,
    source = excluded.source,
    updated_at = greatest(memory_proactive.updated_at, excluded.updated_at);
