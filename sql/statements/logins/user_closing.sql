-- Nobody gets access to an account while it is being deleted. If the deletion is interrupted, access returns.
UPDATE users SET closing_until = now() + make_interval(secs => %(within_s)s)
WHERE user_id = %(user_id)s
RETURNING user_id;
