-- Ends one login.
DELETE FROM logins WHERE user_id = %(user_id)s AND login_id = %(login_id)s RETURNING login_id;
