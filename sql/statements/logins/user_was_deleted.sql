-- Whether an account was deleted in the last two days: one row, or none.
SELECT user_id FROM deleted_users WHERE user_id = %(user_id)s;
