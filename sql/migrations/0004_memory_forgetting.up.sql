-- Changes of entities are durable before they are embedded, claims are leases, and what is forgotten stays forgotten.

-- When the user's memory was last erased: what was said or changed before is not stored after it.
ALTER TABLE users ADD COLUMN memory_erased_at timestamptz;
-- Key of the digests in memory_forgotten, sealed under the user's key: it stays when that key is replaced. NULL: none yet.
ALTER TABLE users ADD COLUMN forgetting_key_encrypted bytea;

-- A claim is a random id, and due_at moved to the lease's end: whoever still finds its own claim may commit its work.
ALTER TABLE memory_pending ADD COLUMN claim uuid;

-- Episodes that said the same before source_id did. Like it they name rows of memory_episodic.
ALTER TABLE memory_associative ADD COLUMN earlier_source_ids uuid[] NOT NULL DEFAULT '{}';

-- The episode in which a person stated the value. NULL: they set it themselves.
ALTER TABLE memory_core ADD COLUMN source_id uuid;

-- Memories that were stored at once and await their vectors.
CREATE TABLE memory_unembedded (
    user_id uuid NOT NULL,
    memory_id uuid NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    claim uuid,
    PRIMARY KEY (user_id, memory_id),
    FOREIGN KEY (user_id, memory_id) REFERENCES memory_associative ON DELETE CASCADE
);

CREATE INDEX memory_unembedded_due ON memory_unembedded (due_at);

-- What was forgotten, as keyed digests: nothing of this digest that was said until then is stored again.
CREATE TABLE memory_forgotten (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    digest bytea NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (user_id, digest)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['memory_unembedded', 'memory_forgotten'] LOOP
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

CREATE POLICY ids_only ON memory_unembedded FOR SELECT TO tessera_worker USING (true);
GRANT SELECT (user_id, due_at) ON memory_unembedded TO tessera_worker;
