-- What each user's requests have cost in model tokens, by UTC day: the daily budget holds over all servers and restarts.
CREATE TABLE token_spend (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    day date NOT NULL,
    tokens bigint NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (user_id, day)
);

ALTER TABLE token_spend ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_spend FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON token_spend TO tessera_server;
CREATE POLICY own_rows ON token_spend TO tessera_server USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
