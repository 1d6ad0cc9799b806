-- Removes logins, so that every refresh token ends; invites; and the users of the identity provider, with their data.
DROP TABLE invites;
DROP TABLE deleted_users;
ALTER TABLE devices DROP COLUMN revoked_at;
DROP TABLE used_refresh_tokens;
DROP TABLE logins;
-- The owner sees rows only where row-level security is not forced.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
DELETE FROM users WHERE email IS NULL;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE users DROP COLUMN closing_until;
ALTER TABLE users DROP COLUMN tokens_after;
ALTER TABLE users DROP CONSTRAINT users_identity;
ALTER TABLE users DROP COLUMN subject;
ALTER TABLE users DROP COLUMN issuer;
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
