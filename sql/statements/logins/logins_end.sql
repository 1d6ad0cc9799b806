-- Ends all logins of a user but one; `kept_login` may be NULL.
DELETE FROM logins WHERE user_id = %(user_id)s AND login_id IS DISTINCT FROM %(kept_login)s::uuid RETURNING login_id;
