-- The password hash of a user, and their address: one row, or none. Both are NULL for a user of the identity provider.
SELECT email, password_hash FROM users WHERE user_id = %(user_id)s;
