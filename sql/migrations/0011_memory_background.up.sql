-- What memory's background work needs: the sources of memories as rows, when a user's key must be replaced because
-- something was forgotten, and whether habits were counted once. And the receipts of erasures.

-- All episodes that a memory was learned from; memory_associative.source_id is the newest of them.
CREATE TABLE memory_sources (
    user_id uuid NOT NULL,
    memory_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    PRIMARY KEY (user_id, episode_id, memory_id),
    FOREIGN KEY (user_id, memory_id) REFERENCES memory_associative ON DELETE CASCADE,
    FOREIGN KEY (user_id, episode_id) REFERENCES memory_episodic ON DELETE CASCADE
);

CREATE INDEX memory_sources_memory ON memory_sources (user_id, memory_id);

-- The owner sees rows only where row-level security is not forced.
ALTER TABLE memory_associative NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_episodic NO FORCE ROW LEVEL SECURITY;
INSERT INTO memory_sources (user_id, memory_id, episode_id)
SELECT DISTINCT m.user_id, m.id, e.id
FROM memory_associative AS m
CROSS JOIN LATERAL unnest(array_append(m.earlier_source_ids, m.source_id)) AS source (episode_id)
JOIN memory_episodic AS e ON e.user_id = m.user_id AND e.id = source.episode_id;
ALTER TABLE memory_associative FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_episodic FORCE ROW LEVEL SECURITY;

ALTER TABLE memory_associative DROP COLUMN earlier_source_ids;

-- When the user's key is to be replaced, because something was forgotten. NULL: nothing was since the last replacement.
ALTER TABLE users ADD COLUMN rekey_due_at timestamptz;
CREATE INDEX users_rekey_due ON users (rekey_due_at) WHERE rekey_due_at IS NOT NULL;
GRANT SELECT (rekey_due_at) ON users TO tessera_worker;

-- Whether the episodes that were stored before habits were counted one by one have been counted.
ALTER TABLE users ADD COLUMN habits_counted boolean NOT NULL DEFAULT false;

-- Receipts of erasures, signed. They contain no contents of memory.
CREATE TABLE memory_receipts (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL,
    -- The signed text: JSON.
    receipt text NOT NULL,
    signature bytea NOT NULL,
    -- The Ed25519 key that checks the signature.
    public_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['memory_sources', 'memory_receipts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON %I TO tessera_server USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id())',
            name
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tessera_server', name);
    END LOOP;
END
$$;
