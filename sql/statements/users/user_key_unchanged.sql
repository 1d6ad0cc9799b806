-- Locks the user's wrapped key like `user_key_shared`. Divides by zero, which fails the transaction, if it is another
-- one than %(stored)s. One row, or none.
SELECT 1 / (encryption_key IS NOT DISTINCT FROM %(stored)s::bytea)::int FROM users WHERE user_id = %(user_id)s FOR SHARE;
