-- Replaces the tokens of a core value by ones under another key.
UPDATE memory_core
SET value_encrypted = %(value_encrypted)s, history_encrypted = %(history_encrypted)s
WHERE user_id = %(user_id)s AND id = %(id)s;
