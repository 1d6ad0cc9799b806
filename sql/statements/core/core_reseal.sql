-- Replaces the encrypted value and history of a preference.
UPDATE memory_core
SET value_encrypted = %(value_encrypted)s, history_encrypted = %(history_encrypted)s
WHERE user_id = %(user_id)s AND id = %(id)s;
