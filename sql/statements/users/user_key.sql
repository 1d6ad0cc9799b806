-- The user's wrapped key: one row, or none.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s;
