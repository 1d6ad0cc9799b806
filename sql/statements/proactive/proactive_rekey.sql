-- Replaces the encrypted pattern, re-encrypted with another key.
UPDATE memory_proactive
SET pattern_encrypted = %(pattern_encrypted)s, pattern_digest = %(pattern_digest)s
WHERE user_id = %(user_id)s AND id = %(id)s;
