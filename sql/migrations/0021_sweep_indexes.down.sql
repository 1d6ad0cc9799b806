ALTER TABLE relay_messages RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE memory_unembedded RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE memory_pending RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE memory_signatures RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE memory_terms RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
DROP INDEX memory_forgotten_expiry;
DROP INDEX devices_seen;
CREATE INDEX relay_messages_worker ON relay_messages (worker_id, number);
DROP INDEX relay_messages_expiry;
DROP INDEX relay_messages_waiting;
