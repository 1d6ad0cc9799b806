-- Records the time at which all memory was erased.
UPDATE users SET memory_erased_at = %(at)s, forgetting_key_encrypted = NULL WHERE user_id = %(user_id)s;
