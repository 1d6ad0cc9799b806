-- Replaces the value, the history and the source of a preference, as of an earlier time.
UPDATE memory_core
SET value_encrypted = %(value_encrypted)s,
    history_encrypted = %(history_encrypted)s,
    source_id = %(source_id)s,
    updated_at = %(at)s
WHERE user_id = %(user_id)s AND id = %(id)s;
