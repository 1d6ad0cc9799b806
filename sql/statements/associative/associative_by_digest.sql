-- The memory with this content digest: one row, or none.
SELECT id, content_encrypted, updated_at FROM memory_associative
WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s;
