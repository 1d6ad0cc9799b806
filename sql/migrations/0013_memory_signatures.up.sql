-- What a search compares of every memory of a user, in rows of their own: 270 bytes instead of the 7 KB of a memory with its
-- vector. A search of memories that were written a moment ago must look at their rows, and not only at the index, until
-- the table is vacuumed.
CREATE TABLE memory_signatures (
    user_id uuid NOT NULL,
    memory_id uuid NOT NULL,
    -- Both NULL: the memory has no vector.
    embedding_model text,
    -- One bit per dimension of the vector: its sign.
    signature bit(1536),
    -- The document's in memory_associative: the number of its terms, for BM25.
    length integer NOT NULL,
    PRIMARY KEY (user_id, memory_id),
    FOREIGN KEY (user_id, memory_id) REFERENCES memory_associative ON DELETE CASCADE,
    CHECK ((signature IS NULL) = (embedding_model IS NULL))
);

-- The owner sees rows only where row-level security is not forced.
ALTER TABLE memory_associative NO FORCE ROW LEVEL SECURITY;
INSERT INTO memory_signatures (user_id, memory_id, embedding_model, signature, length)
SELECT user_id, id, embedding_model, signature, length FROM memory_associative ORDER BY user_id;
ALTER TABLE memory_associative FORCE ROW LEVEL SECURITY;

CREATE INDEX memory_signatures_of_model ON memory_signatures (user_id, embedding_model)
INCLUDE (memory_id, signature, length);

DROP INDEX memory_associative_signature;
DROP INDEX memory_associative_length;
ALTER TABLE memory_associative DROP COLUMN signature;

ALTER TABLE memory_signatures ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_signatures FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON memory_signatures TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_signatures TO tessera_server;

-- Vacuum after this number of rows, not after a fifth of a large table.
ALTER TABLE memory_signatures SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_scale_factor = 0.01
);
ALTER TABLE memory_terms SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000,
    autovacuum_vacuum_scale_factor = 0.01
);
