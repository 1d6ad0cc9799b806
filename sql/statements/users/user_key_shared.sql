-- The user's wrapped key, which nobody replaces until the transaction ends, while others may add rows under it too.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR SHARE;
