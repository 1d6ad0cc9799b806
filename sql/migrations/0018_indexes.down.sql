ALTER TABLE memory_sources RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE memory_episodic RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE memory_associative RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE memory_associative ADD UNIQUE (user_id, entity_type, entity_id);
DROP INDEX memory_associative_entity;
DROP INDEX memory_associative_source;
