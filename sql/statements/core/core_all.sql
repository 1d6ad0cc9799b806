-- All core values of a user.
SELECT id, key, value_encrypted, history_encrypted, created_at, updated_at, source_id
FROM memory_core
WHERE user_id = %(user_id)s
ORDER BY key;
