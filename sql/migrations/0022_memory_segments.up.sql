-- The sealed index: the search data of memories in encrypted segments, which servers search in their own memory.
CREATE TABLE memory_segments (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL,
    -- The memories with an entry, so that forgetting one finds the segments that contain it.
    memory_ids uuid[] NOT NULL,
    segment_encrypted bytea NOT NULL,
    PRIMARY KEY (user_id, id)
);
-- Encrypted bytes and random ids do not compress.
ALTER TABLE memory_segments ALTER COLUMN segment_encrypted SET STORAGE EXTERNAL;
ALTER TABLE memory_segments ALTER COLUMN memory_ids SET STORAGE EXTERNAL;

ALTER TABLE memory_segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_segments FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON memory_segments TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_segments TO tessera_server;

-- Which index has the search data of the user's memories. The other one is empty.
ALTER TABLE users ADD COLUMN memory_index text NOT NULL DEFAULT 'pgvector' CHECK (memory_index IN ('pgvector', 'sealed'));
CREATE INDEX users_memory_index ON users (memory_index, user_id);
GRANT SELECT (memory_index) ON users TO tessera_worker;
