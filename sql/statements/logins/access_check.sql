-- Whether access goes on: one row. The user's columns are NULL if there is no such user, the login's if it has ended.
-- `revoked`: the device was revoked after the login, or else after the token was issued.
SELECT
    u.user_id IS NOT NULL AND coalesce(u.closing_until <= now(), true) AS exists,
    u.user_id IS NOT NULL AND coalesce(u.tokens_after < to_timestamp(%(issued_at)s), true) AS token_counts,
    l.login_id IS NOT NULL AS login_counts,
    l.login_id IS NOT NULL AND l.device_id IS NULL AS unbound,
    d.revoked_at IS NOT NULL AND d.revoked_at >= coalesce(l.created_at, to_timestamp(%(issued_at)s)) AS revoked,
    d.revoked_at IS NOT NULL AS was_revoked,
    x.deleted_at >= to_timestamp(%(issued_at)s) AS deleted
FROM (SELECT) AS once
LEFT JOIN users AS u ON u.user_id = %(user_id)s
LEFT JOIN logins AS l ON l.user_id = %(user_id)s AND l.login_id = %(login_id)s AND l.expires_at > now()
LEFT JOIN devices AS d ON d.user_id = %(user_id)s AND d.device_id = %(device_id)s
LEFT JOIN deleted_users AS x ON x.user_id = %(user_id)s;
