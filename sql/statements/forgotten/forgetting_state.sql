-- The sealed key of digests of forgotten things, and when all was erased: one row, or none.
SELECT forgetting_key_encrypted, memory_erased_at FROM users WHERE user_id = %(user_id)s;
