-- Receipts are lost. Keys that wait to be replaced are not replaced.
DROP TABLE memory_receipts;
ALTER TABLE users DROP COLUMN habits_counted;
REVOKE SELECT (rekey_due_at) ON users FROM tessera_worker;
DROP INDEX users_rekey_due;
ALTER TABLE users DROP COLUMN rekey_due_at;
ALTER TABLE memory_associative ADD COLUMN earlier_source_ids uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE memory_associative NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_sources NO FORCE ROW LEVEL SECURITY;
UPDATE memory_associative AS m
SET earlier_source_ids = ARRAY(
    SELECT s.episode_id FROM memory_sources AS s
    WHERE s.user_id = m.user_id AND s.memory_id = m.id AND s.episode_id IS DISTINCT FROM m.source_id
);
ALTER TABLE memory_associative FORCE ROW LEVEL SECURITY;
DROP TABLE memory_sources;
