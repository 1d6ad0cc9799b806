-- Deletes an account with everything that belongs to it.
DELETE FROM users WHERE user_id = %(user_id)s;
