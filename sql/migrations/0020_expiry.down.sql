REVOKE SELECT (user_id) ON relay_devices FROM tessera_worker;
REVOKE SELECT (last_seen_at, revoked_at), DELETE ON devices FROM tessera_worker;
DROP POLICY expired ON devices;
DROP POLICY ids_only ON devices;
REVOKE SELECT (user_id, until, expires), DELETE ON memory_forgotten FROM tessera_worker;
DROP POLICY expired ON memory_forgotten;
DROP POLICY ids_only ON memory_forgotten;
ALTER TABLE memory_forgotten DROP COLUMN expires;
