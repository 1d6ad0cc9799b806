-- Notifies a server, when the transaction is committed, of the message with this id. Names no table, so that it runs at the
-- database to which the server listens, also if the tables are distributed.
SELECT pg_notify(%(channel)s, %(user_id)s::uuid || ' ' || %(id)s::uuid);
