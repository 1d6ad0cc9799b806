DROP INDEX invites_expires_at;
REVOKE SELECT (expires_at), DELETE ON invites FROM tessera_worker;
DROP POLICY expired ON invites;
DROP POLICY times_only ON invites;
ALTER POLICY everybody ON invites TO PUBLIC;
