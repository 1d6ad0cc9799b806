-- The numbers of devices and logins of a user.
SELECT
    (SELECT count(*) FROM devices WHERE user_id = %(user_id)s),
    (SELECT count(*) FROM logins WHERE user_id = %(user_id)s);
