-- Replaces the encrypted columns of an episode, re-encrypted with another key.
UPDATE memory_episodic
SET summary_encrypted = %(summary_encrypted)s, exchange_encrypted = %(exchange_encrypted)s
WHERE user_id = %(user_id)s AND id = %(id)s;
