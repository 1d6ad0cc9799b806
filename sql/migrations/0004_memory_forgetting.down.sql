-- Forgotten patterns may be found again, and memories without vectors wait for `reembed`.
DROP TABLE memory_forgotten;
DROP TABLE memory_unembedded;
ALTER TABLE memory_core DROP COLUMN source_id;
ALTER TABLE memory_associative DROP COLUMN earlier_source_ids;
ALTER TABLE memory_pending DROP COLUMN claim;
ALTER TABLE users DROP COLUMN forgetting_key_encrypted;
ALTER TABLE users DROP COLUMN memory_erased_at;
