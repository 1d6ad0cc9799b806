-- Removes the logins of all users that had expired at this time. The worker role may delete no others.
DELETE FROM logins WHERE expires_at < %(now)s;
