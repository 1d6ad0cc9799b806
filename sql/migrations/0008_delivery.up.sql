-- What is kept until a person's devices have received it: the results of requests, and the log of changes.

-- A request from its admission until its result is no longer kept. Its id runs nothing a second time until then.
CREATE TABLE requests (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    request_id uuid NOT NULL,
    -- A random id of the admission: only the process that admitted the request may change the row.
    claim uuid NOT NULL,
    -- The server that runs it. A running request of a server that is gone has failed.
    server_id uuid NOT NULL,
    device_id uuid,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'failed', 'cancelled')),
    -- Whether a tool that changes data may have run on a device: then a retry could change it twice.
    changed boolean NOT NULL DEFAULT false,
    -- A digest of what was asked and, after the end, the result; one token under the user's key. NULL: not kept.
    body_encrypted bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, request_id),
    CHECK ((state = 'running') = (ended_at IS NULL))
);

CREATE INDEX requests_expiry ON requests (expires_at);
CREATE INDEX requests_device ON requests (user_id, device_id);

-- The last number in a user's log of changes. It is never lowered, also when the log is emptied.
CREATE TABLE change_logs (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    last bigint NOT NULL DEFAULT 0 CHECK (last >= 0)
);

-- The log of changes: numbers of one user have no gaps, and are committed in their order.
CREATE TABLE changes (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number > 0),
    -- Given by the device that made the change, so that a change that is sent twice is applied once.
    mutation_id uuid NOT NULL,
    -- The device that has the change already.
    device_id uuid,
    body_encrypted bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, number),
    UNIQUE (user_id, mutation_id)
);

CREATE INDEX changes_expiry ON changes (expires_at);

-- The number of the last change that the device has applied, as far as it has said so.
ALTER TABLE devices ADD COLUMN change_cursor bigint CHECK (change_cursor >= 0);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['requests', 'change_logs', 'changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON %I TO tessera_server USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id())',
            name
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tessera_server', name);
    END LOOP;
    -- The worker role removes what has expired, and may read nothing else.
    FOREACH name IN ARRAY ARRAY['requests', 'changes'] LOOP
        EXECUTE format('CREATE POLICY ids_only ON %I FOR SELECT TO tessera_worker USING (true)', name);
        EXECUTE format('CREATE POLICY expired ON %I FOR DELETE TO tessera_worker USING (expires_at < now())', name);
        EXECUTE format('GRANT SELECT (expires_at), DELETE ON %I TO tessera_worker', name);
    END LOOP;
END
$$;
