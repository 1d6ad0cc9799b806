-- Removes expired logins of all users. The worker role may delete no others.
DELETE FROM logins WHERE expires_at < now();
