-- The removal of invites that can no longer be used. The worker role may see when invites end, and delete only ended ones.
ALTER POLICY everybody ON invites TO tessera_server;
CREATE POLICY times_only ON invites FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON invites FOR DELETE TO tessera_worker USING (expires_at < now());
GRANT SELECT (expires_at), DELETE ON invites TO tessera_worker;
CREATE INDEX invites_expires_at ON invites (expires_at);
