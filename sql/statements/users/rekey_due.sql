-- Has the user's key replaced after a time, or earlier if it is due earlier; gives when.
UPDATE users SET rekey_due_at = least(rekey_due_at, now() + make_interval(secs => %(delay_s)s))
WHERE user_id = %(user_id)s
RETURNING rekey_due_at;
