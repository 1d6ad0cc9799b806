-- Patterns in the order of their ids, after the given id: for the export, and for a change of key.
SELECT id, pattern_digest, pattern_encrypted, confidence, source, created_at, updated_at
FROM memory_proactive
WHERE user_id = %(user_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;
