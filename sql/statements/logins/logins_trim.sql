-- Ends the oldest logins of a user beyond the number `keep`.
DELETE FROM logins
WHERE user_id = %(user_id)s AND login_id IN (
    SELECT login_id FROM logins WHERE user_id = %(user_id)s ORDER BY rotated_at DESC, login_id OFFSET %(keep)s
);
