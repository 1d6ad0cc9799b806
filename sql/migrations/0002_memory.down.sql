-- Removes all memory. The roles stay, for other databases of the cluster may use them, and so does the extension.
DROP POLICY everybody ON schema_migrations;
ALTER TABLE schema_migrations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE schema_migrations DISABLE ROW LEVEL SECURITY;

DROP TABLE memory_pending;
DROP TABLE memory_proactive;
DROP TABLE memory_episodic;
DROP TABLE memory_terms;
DROP TABLE memory_associative;
DROP TABLE memory_core;

DROP POLICY ids_only ON users;
DROP POLICY named_by_email ON users;
DROP POLICY own_rows ON devices;
DROP POLICY own_rows ON users;
ALTER TABLE devices NO FORCE ROW LEVEL SECURITY;
ALTER TABLE devices DISABLE ROW LEVEL SECURITY;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
DROP FUNCTION app_user_id();
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM tessera_server, tessera_worker;
