-- The vectors of the person's messages alone. The vector of a whole exchange is dominated by a long answer.
CREATE TABLE memory_messages (
    user_id uuid NOT NULL,
    memory_id uuid NOT NULL,
    embedding vector(1536) NOT NULL,
    embedding_model text NOT NULL,
    PRIMARY KEY (user_id, memory_id),
    FOREIGN KEY (user_id, memory_id) REFERENCES memory_associative ON DELETE CASCADE
);
-- In its row, as in memory_associative: out of line it would take five reads.
ALTER TABLE memory_messages ALTER COLUMN embedding SET STORAGE MAIN;
ALTER TABLE memory_messages SET (toast_tuple_target = 8160);

ALTER TABLE memory_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON memory_messages TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_messages TO tessera_server;

-- The signs of that vector, if it is of the same model; NULL: the memory has no such vector.
ALTER TABLE memory_signatures ADD COLUMN message_signature bit(1536);
DROP INDEX memory_signatures_of_model;
CREATE INDEX memory_signatures_of_model ON memory_signatures (user_id, embedding_model)
INCLUDE (memory_id, signature, length, message_signature);

-- The background worker reads the roles of these memories from their episodes, and adds the vectors.
ALTER TABLE memory_associative NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_unembedded NO FORCE ROW LEVEL SECURITY;
INSERT INTO memory_unembedded (user_id, memory_id)
SELECT user_id, id FROM memory_associative WHERE source = 'episode' AND embedding IS NOT NULL
ON CONFLICT DO NOTHING;
ALTER TABLE memory_unembedded FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_associative FORCE ROW LEVEL SECURITY;
