-- no transaction
-- Indexes and vacuum thresholds for tables with many rows. Each statement can be repeated, and none blocks reads or writes for
-- longer than a moment.

-- The memories of an episode are found without reading all memories of the user.
DROP INDEX CONCURRENTLY IF EXISTS memory_associative_source;
CREATE INDEX CONCURRENTLY memory_associative_source ON memory_associative (user_id, source_id) WHERE source_id IS NOT NULL;

-- Most memories are about no entity, and need no entry in the index that keeps entities unique.
DROP INDEX CONCURRENTLY IF EXISTS memory_associative_entity;
CREATE UNIQUE INDEX CONCURRENTLY memory_associative_entity ON memory_associative (user_id, entity_type, entity_id)
WHERE entity_type IS NOT NULL;
ALTER TABLE memory_associative DROP CONSTRAINT IF EXISTS memory_associative_user_id_entity_type_entity_id_key;

-- Vacuum after a number of rows, not after a fifth of a large table.
ALTER TABLE memory_associative SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_scale_factor = 0.01
);
ALTER TABLE memory_episodic SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_scale_factor = 0.01
);
ALTER TABLE memory_sources SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_scale_factor = 0.01
);
