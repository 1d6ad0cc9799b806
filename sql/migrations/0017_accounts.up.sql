-- The rows of users can be distributed by user_id, because addresses are unique in a table of their own. And three changes of
-- the relay's tables that Citus needs.

-- Which user has an e-mail address. The primary key is the address in lower case, so this table can be distributed by it.
CREATE TABLE accounts (
    address text PRIMARY KEY CHECK (address <> ''),
    -- Checked at the commit: the address is taken before the user's row is written.
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX accounts_user ON accounts (user_id);

-- The owner sees rows only where row-level security is not forced.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
INSERT INTO accounts (address, user_id) SELECT lower(email), user_id FROM users WHERE email IS NOT NULL;
-- Otherwise the checks that are still due would keep the table from being altered.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE users FORCE ROW LEVEL SECURITY;

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON accounts TO tessera_server
USING (user_id = app_user_id()) WITH CHECK (user_id = app_user_id());
-- A login that names an address sees the account of that address, and cannot list any.
CREATE POLICY named_by_email ON accounts FOR SELECT TO tessera_server
USING (address = lower(nullif(current_setting('app.email', true), '')));
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO tessera_server;

-- Servers without this migration write the user's row only. Removed when the tables are distributed.
CREATE FUNCTION account_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts (address, user_id) VALUES (lower(NEW.email), NEW.user_id) ON CONFLICT (address) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_account AFTER INSERT ON users FOR EACH ROW WHEN (NEW.email IS NOT NULL)
EXECUTE FUNCTION account_of_user();

-- Citus refuses a policy with a subquery. The rows contain ids only, and a server writes its rows again at its next heartbeat.
DROP POLICY abandoned ON relay_devices;
CREATE POLICY abandoned ON relay_devices FOR DELETE TO tessera_worker USING (true);

-- Citus refuses GENERATED ALWAYS AS IDENTITY.
ALTER TABLE relay_messages ALTER COLUMN number DROP IDENTITY;
CREATE SEQUENCE relay_messages_number OWNED BY relay_messages.number;
GRANT USAGE ON SEQUENCE relay_messages_number TO tessera_server;
ALTER TABLE relay_messages ALTER COLUMN number SET DEFAULT nextval('relay_messages_number');
ALTER TABLE relay_messages NO FORCE ROW LEVEL SECURITY;
SELECT setval('relay_messages_number', coalesce(max(number), 0) + 1, false) FROM relay_messages;
ALTER TABLE relay_messages FORCE ROW LEVEL SECURITY;
