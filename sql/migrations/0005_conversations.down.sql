-- Vectors lie out of line again, as rows are written; conversations are searched for their turns.
ALTER TABLE memory_associative RESET (toast_tuple_target);
ALTER TABLE memory_associative ALTER COLUMN embedding SET STORAGE EXTERNAL;
DROP INDEX memory_episodic_conversation;
