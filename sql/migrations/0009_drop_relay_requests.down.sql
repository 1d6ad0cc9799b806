-- The table of admitted request ids as 0006 made it, empty: the ids that are in use stay in `requests`.
CREATE UNLOGGED TABLE relay_requests (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    request_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, request_id)
);

CREATE INDEX relay_requests_expiry ON relay_requests (expires_at);

ALTER TABLE relay_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE relay_requests FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_requests TO tessera_server;
CREATE POLICY own_rows ON relay_requests TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());

CREATE POLICY ids_only ON relay_requests FOR SELECT TO tessera_worker USING (true);
CREATE POLICY expired ON relay_requests FOR DELETE TO tessera_worker USING (expires_at < now());
GRANT SELECT (expires_at), DELETE ON relay_requests TO tessera_worker;
