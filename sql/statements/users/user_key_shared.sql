-- The user's wrapped key, locked against replacement until the transaction ends. Others may use it at the same time.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR SHARE;
