-- Makes connections of one device wait for each other until the transaction ends. A first connection has no row that
-- could be locked, so two first connections at two servers would not see each other.
SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s::uuid || ' ' || %(device_id)s::uuid, 0))
WHERE app_user_id() = %(user_id)s::uuid;
