-- Takes the replacement of a user's key that is due: other servers leave it alone for a time. One row, or none.
UPDATE users SET rekey_due_at = now() + make_interval(secs => %(delay_s)s)
WHERE user_id = %(user_id)s AND rekey_due_at <= now()
RETURNING user_id;
