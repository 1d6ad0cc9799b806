-- Patterns with these digests.
SELECT pattern_digest, pattern_encrypted FROM memory_proactive
WHERE user_id = %(user_id)s AND pattern_digest = ANY (%(digests)b::bytea[]);
