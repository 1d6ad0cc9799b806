-- The rows of the tables that PostgreSQL searches are complete, so the segments in addition to them are removed.
ALTER TABLE relay_workers DROP COLUMN writes_segments;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_segments NO FORCE ROW LEVEL SECURITY;
DELETE FROM memory_segments AS s
USING users AS u
WHERE u.user_id = s.user_id AND u.memory_index = 'pgvector';
ALTER TABLE memory_segments FORCE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
DROP INDEX users_memory_index_beside;
ALTER TABLE users DROP COLUMN memory_index_beside;
