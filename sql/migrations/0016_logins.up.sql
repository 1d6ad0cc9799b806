-- Logins with refresh tokens, so that access can be revoked; users of an identity provider; invites.

-- A user of the operator's identity provider has no address and no password here: (issuer, subject) names them.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
ALTER TABLE users ADD COLUMN issuer text;
ALTER TABLE users ADD COLUMN subject text;
ALTER TABLE users ADD CONSTRAINT users_identity CHECK (
    (email IS NOT NULL AND password_hash IS NOT NULL AND issuer IS NULL AND subject IS NULL)
    OR (email IS NULL AND password_hash IS NULL AND issuer IS NOT NULL AND subject IS NOT NULL)
);
-- Access tokens without a login that were issued until then are refused.
ALTER TABLE users ADD COLUMN tokens_after timestamptz;
-- The account is being deleted: until then nobody gets access. In the past if a deletion was interrupted.
ALTER TABLE users ADD COLUMN closing_until timestamptz;

-- One row per login: from the password, or a registration, to the logout. Its refresh token is only stored as a digest.
CREATE TABLE logins (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    login_id uuid NOT NULL,
    -- The device that named itself at the login, or that first opened a socket with it.
    device_id uuid,
    refresh_digest bytea NOT NULL,
    -- The token before it, which may be used again shortly after: the answer with the new one may be lost.
    previous_digest bytea,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, login_id)
);

CREATE INDEX logins_expiry ON logins (expires_at);

-- Digests of used refresh tokens. Whoever presents one of them has a copy: the login ends.
CREATE TABLE used_refresh_tokens (
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    login_id uuid NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, digest),
    FOREIGN KEY (user_id, login_id) REFERENCES logins ON DELETE CASCADE
);

CREATE INDEX used_refresh_tokens_login ON used_refresh_tokens (user_id, login_id, used_at);

-- Logins from before are refused to this device. It is not listed any more.
ALTER TABLE devices ADD COLUMN revoked_at timestamptz;

-- Ids of accounts that were deleted in the last two days. A token of an identity provider from before must not create the
-- account again, and key shares that a crash left are destroyed.
CREATE TABLE deleted_users (
    user_id uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX deleted_users_age ON deleted_users (deleted_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['logins', 'used_refresh_tokens', 'deleted_users'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON %I TO tessera_server USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id())',
            name
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tessera_server', name);
    END LOOP;
END
$$;

-- The worker role removes what is over, and may read nothing else.
CREATE POLICY ids_only ON logins FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON logins FOR DELETE TO tessera_worker USING (expires_at < now());
GRANT SELECT (expires_at), DELETE ON logins TO tessera_worker;
CREATE POLICY ids_only ON deleted_users FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON deleted_users FOR DELETE TO tessera_worker USING (deleted_at < now() - interval '2 days');
GRANT SELECT (deleted_at), DELETE ON deleted_users TO tessera_worker;

-- Invites to register, by the digest of their code. They belong to no user: a digest tells nothing.
CREATE TABLE invites (
    digest bytea PRIMARY KEY,
    -- The only address that may use it. NULL: any.
    email text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

ALTER TABLE invites ENABLE ROW LEVEL SECURITY;
ALTER TABLE invites FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON invites USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON invites TO tessera_server;
