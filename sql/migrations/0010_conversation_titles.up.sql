-- Titles of conversations, and when a conversation was forgotten. The exchanges are the rows of memory_episodic.
CREATE TABLE memory_conversations (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    -- memory_episodic.session_id of its exchanges.
    conversation_id text NOT NULL CHECK (conversation_id <> ''),
    title_encrypted bytea,
    -- The episode that the title was made from. NULL: the person wrote it, or there is no title.
    source_id uuid,
    -- Nothing that was said in this conversation until then is stored.
    forgotten_at timestamptz,
    PRIMARY KEY (user_id, conversation_id)
);

ALTER TABLE memory_conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON memory_conversations TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_conversations TO tessera_server;
