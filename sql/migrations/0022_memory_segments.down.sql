-- Before this, set TESSERA_MEMORY_INDEX=pgvector and wait until no user has the sealed index: the release before can't read it.
DO $$
BEGIN
    ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
    IF EXISTS (SELECT FROM users WHERE memory_index = 'sealed') THEN
        RAISE EXCEPTION 'users have the sealed index, which the release before can''t search: run the server with TESSERA_MEMORY_INDEX=pgvector until tessera_memory_index_changes_total stops to grow';
    END IF;
    ALTER TABLE users FORCE ROW LEVEL SECURITY;
END
$$;
DROP INDEX users_memory_index;
ALTER TABLE users DROP COLUMN memory_index;
DROP TABLE memory_segments;
