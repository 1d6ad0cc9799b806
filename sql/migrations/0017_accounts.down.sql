ALTER TABLE relay_messages ALTER COLUMN number DROP DEFAULT;
DROP SEQUENCE relay_messages_number;
ALTER TABLE relay_messages ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE relay_messages NO FORCE ROW LEVEL SECURITY;
SELECT setval(pg_get_serial_sequence('relay_messages', 'number'), coalesce(max(number), 0) + 1, false) FROM relay_messages;
ALTER TABLE relay_messages FORCE ROW LEVEL SECURITY;
DROP POLICY abandoned ON relay_devices;
CREATE POLICY abandoned ON relay_devices FOR DELETE TO tessera_worker
USING (NOT EXISTS (SELECT FROM relay_workers AS w WHERE w.worker_id = relay_devices.worker_id));
DROP TRIGGER users_account ON users;
DROP FUNCTION account_of_user();
DROP TABLE accounts;
