-- Sets a core value as of a time. Changes nothing if the stored value is newer.
INSERT INTO memory_core (user_id, id, key, value_encrypted, history_encrypted, source_id, updated_at)
VALUES (%(user_id)s, %(id)s, %(key)s, %(value_encrypted)s, %(history_encrypted)s, %(source_id)s, %(at)s)
ON CONFLICT (user_id, key) DO UPDATE
SET value_encrypted = excluded.value_encrypted,
    history_encrypted = excluded.history_encrypted,
    source_id = excluded.source_id,
    updated_at = excluded.updated_at
WHERE memory_core.updated_at <= excluded.updated_at;
