-- The removal of rows that nothing needs any more: devices that were not seen for a long time, and tombstones that expire.

-- Whether a tombstone only stops work that was in progress when the item was forgotten. Then it is removed later. Other tombstones
-- are needed for good. Servers without this column write false.
ALTER TABLE memory_forgotten ADD COLUMN expires boolean NOT NULL DEFAULT false;
CREATE POLICY ids_only ON memory_forgotten FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON memory_forgotten FOR DELETE TO tessera_worker
USING (expires AND until < now() - interval '30 days');
GRANT SELECT (user_id, until, expires), DELETE ON memory_forgotten TO tessera_worker;

CREATE POLICY ids_only ON devices FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON devices FOR DELETE TO tessera_worker
USING (last_seen_at < now() - interval '30 days' AND coalesce(revoked_at, last_seen_at) < now() - interval '30 days');
GRANT SELECT (last_seen_at, revoked_at), DELETE ON devices TO tessera_worker;

-- The worker role removes the devices of a slice of the users, if their server is gone.
GRANT SELECT (user_id) ON relay_devices TO tessera_worker;
