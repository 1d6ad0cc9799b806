-- Stores a pattern, or what is now known of it.
INSERT INTO memory_proactive (user_id, pattern_digest, pattern_encrypted, confidence, source, updated_at)
VALUES (%(user_id)s, %(pattern_digest)s, %(pattern_encrypted)s, %(confidence)s, %(source)s, %(at)s)
ON CONFLICT (user_id, pattern_digest) DO UPDATE
SET pattern_encrypted = excluded.pattern_encrypted,
    confidence = excluded.confidence,
    source = excluded.source,
    updated_at = excluded.updated_at;
