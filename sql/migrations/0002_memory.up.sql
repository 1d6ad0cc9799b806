-- The four tiers of memory, encrypted per user, and who may see which row.
--
-- Every key, unique constraint and foreign key holds user_id, so that the tables can be distributed by user. Row-level
-- security is enabled and forced on every table: a statement sees the rows of the user named by `app.user_id`, and none
-- when no user is named. Contents are Fernet tokens under the user's own key; docs/memory.md says what stays readable.
CREATE EXTENSION IF NOT EXISTS vector;

-- Roles belong to the whole cluster, so they may be there already, or be made by another database's migration just now.
-- tessera_server is what the server works as: it owns nothing and is subject to every policy. tessera_worker may only
-- list whose work is waiting, by id.
DO $$
DECLARE
    name text;
    modern constant boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
    FOREACH name IN ARRAY ARRAY['tessera_server', 'tessera_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
        -- The owner may become either, and has the rights of neither: the policies of both would be its own.
        IF NOT pg_has_role(current_user, name, CASE WHEN modern THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', name) || CASE WHEN modern THEN ' WITH INHERIT FALSE' ELSE '' END;
        END IF;
    END LOOP;
END
$$;

-- What a person has said about themselves: always recalled.
CREATE TABLE memory_core (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Readable, as in the plan: the name of a preference, such as preferred_name.
    key text NOT NULL CHECK (key <> '' AND length(key) <= 100),
    value_encrypted bytea NOT NULL,
    -- Earlier values, newest first, as one token. NULL when there were none.
    history_encrypted bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, key)
);

-- What is searched: one row per thing worth finding again.
CREATE TABLE memory_associative (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    content_encrypted bytea NOT NULL,
    -- Turned by a rotation that only the user's key gives. NULL: not embedded (yet), found by its words alone.
    embedding vector(1536),
    embedding_model text,
    -- Terms in the document, repetitions counted: its length in BM25.
    length integer NOT NULL DEFAULT 0 CHECK (length >= 0),
    -- HMAC, under the user's key, of what makes it the same memory: its entity, or else its normalised text.
    content_digest bytea NOT NULL,
    entity_type text,
    entity_id text,
    source text NOT NULL CHECK (source IN ('episode', 'mutation', 'document')),
    -- The episode it was learned from.
    source_id uuid,
    hits integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, content_digest),
    UNIQUE (user_id, entity_type, entity_id),
    CHECK ((embedding IS NULL) = (embedding_model IS NULL)),
    CHECK ((entity_type IS NULL) = (entity_id IS NULL))
);

-- Random floats do not compress.
ALTER TABLE memory_associative ALTER COLUMN embedding SET STORAGE EXTERNAL;

-- Document count and mean length of one user, from the index alone.
CREATE INDEX memory_associative_length ON memory_associative (user_id) INCLUDE (length);

-- Blind terms: HMAC of each stemmed word under a key derived from the user's.
CREATE TABLE memory_terms (
    user_id uuid NOT NULL,
    term bytea NOT NULL,
    memory_id uuid NOT NULL,
    tf integer NOT NULL CHECK (tf > 0),
    -- The document's, repeated here so that BM25 is computed from this index alone.
    length integer NOT NULL CHECK (length >= tf),
    PRIMARY KEY (user_id, term, memory_id) INCLUDE (tf, length),
    FOREIGN KEY (user_id, memory_id) REFERENCES memory_associative ON DELETE CASCADE
);

CREATE INDEX memory_terms_memory ON memory_terms (user_id, memory_id);

-- What happened: one row per answered request, committed before the answer's last frame leaves.
CREATE TABLE memory_episodic (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_id uuid NOT NULL,
    session_id text,
    summary_encrypted bytea NOT NULL,
    -- Message, response and what was recalled for it.
    exchange_encrypted bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When summary, terms, vectors and preferences were made of it. NULL: memory_pending has it.
    enriched_at timestamptz,
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, request_id)
);

CREATE INDEX memory_episodic_newest ON memory_episodic (user_id, created_at DESC);

-- Patterns mined from episodes. Confidence is as of updated_at; it decays from there.
CREATE TABLE memory_proactive (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    pattern_encrypted bytea NOT NULL,
    -- HMAC of what the pattern is about, under the user's key: the same pattern seen again is one row.
    pattern_digest bytea NOT NULL,
    confidence real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    source text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, pattern_digest)
);

-- Episodes whose enrichment is outstanding. A claim is a row lock, so a server that dies gives its work back at once.
CREATE TABLE memory_pending (
    user_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, episode_id),
    FOREIGN KEY (user_id, episode_id) REFERENCES memory_episodic ON DELETE CASCADE
);

CREATE INDEX memory_pending_due ON memory_pending (due_at);

-- ---- who sees what ----------------------------------------------------------------------------------------------

-- The user of this transaction. A setting that was local to an earlier transaction reads as '' afterwards.
CREATE FUNCTION app_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.user_id', true), '')::uuid;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'devices', 'memory_core', 'memory_associative', 'memory_terms', 'memory_episodic',
        'memory_proactive', 'memory_pending'
    ] LOOP
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

-- Logging in: whoever names an address sees that one account, and cannot list any.
CREATE POLICY named_by_email ON users FOR SELECT TO tessera_server
USING (lower(email) = lower(nullif(current_setting('app.email', true), '')));

-- The worker lists ids, nothing else: the columns it may read say so.
CREATE POLICY ids_only ON users FOR SELECT TO tessera_worker USING (true);
GRANT SELECT (user_id) ON users TO tessera_worker;
CREATE POLICY ids_only ON memory_pending FOR SELECT TO tessera_worker USING (true);
GRANT SELECT (user_id, due_at) ON memory_pending TO tessera_worker;

-- Which migrations there are is no secret; only the owner changes them.
ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE schema_migrations FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON schema_migrations USING (true) WITH CHECK (true);
GRANT SELECT ON schema_migrations TO tessera_server, tessera_worker;
