DROP INDEX memory_signatures_of_model;
ALTER TABLE memory_signatures DROP COLUMN session, DROP COLUMN created_at;
CREATE INDEX memory_signatures_of_model ON memory_signatures (user_id, embedding_model)
INCLUDE (memory_id, signature, length, message_signature);
