-- Which revision of each preference, and of each recalled pattern, is the present one, encrypted with the user's key. An
-- older value that is put back is not listed. Rows of earlier releases are listed when the user's key is bound to the user.
CREATE TABLE memory_manifests (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    tier text NOT NULL CHECK (tier IN ('core', 'proactive')),
    manifest_encrypted bytea NOT NULL,
    PRIMARY KEY (user_id, tier)
);

ALTER TABLE memory_manifests ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_manifests FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON memory_manifests TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_manifests TO tessera_server;
