-- Prepares a Citus cluster (12.1 or newer, PostgreSQL 16 or newer, pgvector 0.7 or newer) for Tessera.
--
-- Run it once as a superuser, on the coordinator, in Tessera's database, before `python -m server migrate`:
--
--     psql -d tessera -f deploy/citus.sql
--
-- It may be run again. Every node needs the packages of Citus and pgvector, and `citus` in shared_preload_libraries. Add
-- the nodes (citus_set_coordinator_host, citus_add_node) before the tables are distributed. docs/operations.md has all steps.

CREATE EXTENSION IF NOT EXISTS citus;
-- The migrations skip this statement when the extension exists, because Citus forwards it to nodes where only the owner
-- of the extension may run it.
CREATE EXTENSION IF NOT EXISTS vector;

-- The roles. Citus connects to the other nodes as the role of the statement, so the server's roles must be allowed to log
-- in. They own nothing, and row-level security applies to them on every node.
DO $$
DECLARE
    role record;
BEGIN
    FOR role IN
        SELECT * FROM (VALUES
            ('tessera_server', 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'),
            ('tessera_worker', 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'),
            -- TESSERA_DATABASE_OWNER_URL: migrations, and `python -m server distribute`.
            ('tessera_owner', 'LOGIN NOSUPERUSER NOBYPASSRLS'),
            -- TESSERA_DATABASE_URL: the server.
            ('tessera_app', 'LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS')
        ) AS wanted (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role.name) THEN
            EXECUTE format('CREATE ROLE %I ', role.name) || role.attributes;
        ELSE
            EXECUTE format('ALTER ROLE %I ', role.name) || role.attributes;
        END IF;
    END LOOP;
    -- SET LOCAL app.user_id, which row-level security reads, must reach the other nodes.
    EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands TO ''local''', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY, CREATE ON DATABASE %I TO tessera_owner', current_database());
END
$$;

GRANT tessera_server, tessera_worker TO tessera_app;
GRANT tessera_server, tessera_worker TO tessera_owner WITH INHERIT FALSE;
GRANT USAGE, CREATE ON SCHEMA public TO tessera_owner;

-- How the nodes authenticate one another for these roles: with client certificates (citus.node_conninfo with sslcert and
-- sslkey, and a `cert` line with a map in each node's pg_hba.conf), or with passwords. For passwords, set them with
-- `ALTER ROLE ... PASSWORD` and run on the coordinator, for each of the four roles:
--
--     INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo) VALUES (0, 'tessera_server', 'password=...')
--     ON CONFLICT (nodeid, rolename) DO UPDATE SET authinfo = excluded.authinfo;
