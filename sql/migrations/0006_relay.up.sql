-- How the servers of one database reach one another's devices. Nothing here outlives what it is about by more than
-- minutes, so the tables are unlogged: neither the write-ahead log nor a physical backup has what passes through them,
-- and a crash of the database empties them.

-- The servers that run, by an id that each makes at its start. No user's data.
CREATE UNLOGGED TABLE relay_workers (
    worker_id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- Which server has the socket of a device. A row counts for as long as its server is seen.
CREATE UNLOGGED TABLE relay_devices (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    device_id uuid NOT NULL,
    -- The session: a device that connected again is another one.
    connection_id uuid NOT NULL,
    worker_id uuid NOT NULL,
    connected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, device_id)
);

CREATE INDEX relay_devices_worker ON relay_devices (worker_id);

-- A frame on its way to another server: taken, and so deleted, once. The notification that announces it is its key.
CREATE UNLOGGED TABLE relay_messages (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    id uuid NOT NULL,
    -- The order in which they were sent.
    number bigint GENERATED ALWAYS AS IDENTITY,
    -- Who is to take it.
    worker_id uuid NOT NULL,
    -- Under a key derived from the master key.
    body_encrypted bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE INDEX relay_messages_worker ON relay_messages (worker_id, number);

-- Ids of requests that one of the servers accepted lately: the same id again runs nothing, wherever it is sent.
CREATE UNLOGGED TABLE relay_requests (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    request_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, request_id)
);

CREATE INDEX relay_requests_expiry ON relay_requests (expires_at);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['relay_workers', 'relay_devices', 'relay_messages', 'relay_requests'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tessera_server', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['relay_devices', 'relay_messages', 'relay_requests'] LOOP
        EXECUTE format(
            'CREATE POLICY own_rows ON %I TO tessera_server USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id())',
            name
        );
    END LOOP;
END
$$;

CREATE POLICY everybody ON relay_workers USING (true) WITH CHECK (true);
GRANT SELECT (worker_id, seen_at), DELETE ON relay_workers TO tessera_worker;

-- The worker role finds what waits for a server, by id, and removes what is over.
CREATE POLICY ids_only ON relay_messages FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON relay_messages FOR DELETE TO tessera_worker USING (expires_at < now());
GRANT SELECT (user_id, id, number, worker_id, expires_at), DELETE ON relay_messages TO tessera_worker;

CREATE POLICY ids_only ON relay_devices FOR SELECT TO tessera_worker USING (true);
CREATE POLICY abandoned ON relay_devices FOR DELETE TO tessera_worker
USING (NOT EXISTS (SELECT FROM relay_workers AS w WHERE w.worker_id = relay_devices.worker_id));
GRANT SELECT (worker_id), DELETE ON relay_devices TO tessera_worker;

CREATE POLICY ids_only ON relay_requests FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON relay_requests FOR DELETE TO tessera_worker USING (expires_at < now());
GRANT SELECT (expires_at), DELETE ON relay_requests TO tessera_worker;
