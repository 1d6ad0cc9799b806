-- The episode before another in its conversation is found at once.
CREATE INDEX memory_episodic_conversation ON memory_episodic (user_id, session_id, created_at, id)
WHERE session_id IS NOT NULL;

-- A vector lies in its row, not in five pieces elsewhere: comparing the 200 nearest reads a page for each. Rows of before
-- stay as they are until they are next written.
ALTER TABLE memory_associative ALTER COLUMN embedding SET STORAGE MAIN;
ALTER TABLE memory_associative SET (toast_tuple_target = 8160);
