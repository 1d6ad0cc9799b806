-- Creates the roles and the database, once, as a superuser, where neither exists yet:
--   psql --set owner_password=... --set app_password=... < deploy/database.sql
-- The server refuses to work as a superuser, because row-level security does not bind one.
\set ON_ERROR_STOP on
-- Owns the tables and migrates them: TESSERA_DATABASE_OWNER_URL.
CREATE ROLE tessera_owner LOGIN CREATEROLE PASSWORD :'owner_password';
-- What the server works as in its transactions.
CREATE ROLE tessera_server NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE ROLE tessera_worker NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
GRANT tessera_server, tessera_worker TO tessera_owner WITH ADMIN OPTION;
-- What the server connects as: TESSERA_DATABASE_URL.
CREATE ROLE tessera_app LOGIN NOINHERIT PASSWORD :'app_password';
GRANT tessera_server, tessera_worker TO tessera_app;
CREATE DATABASE tessera OWNER tessera_owner;
\connect tessera
CREATE EXTENSION vector;
