-- Notes that all memory was erased as of a time.
UPDATE users SET memory_erased_at = %(at)s, forgetting_key_encrypted = NULL WHERE user_id = %(user_id)s;
