-- One core value, which nobody else changes until the transaction ends.
SELECT value_encrypted, history_encrypted, updated_at
FROM memory_core
WHERE user_id = %(user_id)s AND key = %(key)s
FOR UPDATE;
