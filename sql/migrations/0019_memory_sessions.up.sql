-- For the search by conversation and by time, in the small rows that a search reads: a conversation counts as one text, and
-- a question may name a range of time.
ALTER TABLE memory_signatures
    -- The conversation in which a memory was said last: the MD5 of memory_episodic.session_id, because a UUID is shorter.
    -- NULL: it was not said in a conversation.
    ADD COLUMN session uuid,
    -- memory_associative.created_at.
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

-- The owner sees rows only where row-level security is not forced.
ALTER TABLE memory_signatures NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_associative NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_episodic NO FORCE ROW LEVEL SECURITY;
UPDATE memory_signatures AS s
SET session = md5(e.session_id)::uuid, created_at = m.created_at
FROM memory_associative AS m
LEFT JOIN memory_episodic AS e ON e.user_id = m.user_id AND e.id = m.source_id
WHERE m.user_id = s.user_id AND m.id = s.memory_id;
ALTER TABLE memory_signatures FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_associative FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_episodic FORCE ROW LEVEL SECURITY;

DROP INDEX memory_signatures_of_model;
CREATE INDEX memory_signatures_of_model ON memory_signatures (user_id, embedding_model)
INCLUDE (memory_id, signature, length, message_signature, session, created_at);
