ALTER TABLE memory_terms RESET (
    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_insert_threshold, autovacuum_vacuum_scale_factor
);
ALTER TABLE memory_associative
    ADD COLUMN signature bit(1536) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(1536)) STORED;
CREATE INDEX memory_associative_signature ON memory_associative (user_id, embedding_model) INCLUDE (id, signature);
CREATE INDEX memory_associative_length ON memory_associative (user_id) INCLUDE (length);
DROP TABLE memory_signatures;
