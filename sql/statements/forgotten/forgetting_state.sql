-- The encrypted key of the tombstones' digests, and the time of the last erasure: one row, or none.
SELECT forgetting_key_encrypted, memory_erased_at FROM users WHERE user_id = %(user_id)s;
