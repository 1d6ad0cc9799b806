-- Encrypted segments in addition to the rows that PostgreSQL searches, for users with many memories. NULL: the user has none.
-- 'building': segments are being added, and every change is written to both. 'complete': servers may search the segments.
-- The rows stay complete and `memory_index` stays 'pgvector', so a server without this migration searches and writes the rows.
ALTER TABLE users ADD COLUMN memory_index_beside text CHECK (memory_index_beside IN ('building', 'complete'));
CREATE INDEX users_memory_index_beside ON users (memory_index_beside, user_id) WHERE memory_index_beside IS NOT NULL;
GRANT SELECT (memory_index_beside) ON users TO tessera_worker;

-- Servers without this migration do not name the column at their heartbeat. While one runs, no user gets additional segments.
ALTER TABLE relay_workers ADD COLUMN writes_segments boolean NOT NULL DEFAULT false;
