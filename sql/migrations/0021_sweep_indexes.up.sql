-- no transaction
-- Indexes with which no regular statement reads the rows of all users, and vacuum thresholds. Each statement can be repeated, and
-- none blocks reads or writes for longer than a moment.

-- The users with messages for a server, in the order of their ids; and the messages of one of them, in the order of sending.
DROP INDEX CONCURRENTLY IF EXISTS relay_messages_waiting;
CREATE INDEX CONCURRENTLY relay_messages_waiting ON relay_messages (worker_id, user_id, number);
DROP INDEX CONCURRENTLY IF EXISTS relay_messages_worker;
DROP INDEX CONCURRENTLY IF EXISTS relay_messages_expiry;
CREATE INDEX CONCURRENTLY relay_messages_expiry ON relay_messages (expires_at);

-- Rows that expire.
DROP INDEX CONCURRENTLY IF EXISTS devices_seen;
CREATE INDEX CONCURRENTLY devices_seen ON devices (last_seen_at);
DROP INDEX CONCURRENTLY IF EXISTS memory_forgotten_expiry;
CREATE INDEX CONCURRENTLY memory_forgotten_expiry ON memory_forgotten (until) WHERE expires;

-- Vacuum after a number of rows, not after a fifth of a large table: a search reads rows that were not vacuumed from the table, and
-- the others from the index alone.
ALTER TABLE memory_terms SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
    autovacuum_vacuum_scale_factor = 0.01
);
ALTER TABLE memory_signatures SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_scale_factor = 0.01
);
-- Queues: few rows stay, and a sweep reads past deleted rows until they are vacuumed.
ALTER TABLE memory_pending SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE memory_unembedded SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE relay_messages SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
