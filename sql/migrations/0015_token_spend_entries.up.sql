-- What each request takes of its user's daily token budget: its reservation while it runs, then what it used. A write that
-- is repeated finds its entry here, so that it never counts twice.
CREATE TABLE token_spend_entries (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    entry_id uuid NOT NULL,
    day date NOT NULL,
    tokens bigint NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (user_id, entry_id)
);

ALTER TABLE token_spend_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_spend_entries FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON token_spend_entries TO tessera_server;
CREATE POLICY own_rows ON token_spend_entries TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
