-- Has the sessions of one device come one after the other until the transaction ends. A first session has no row yet that
-- could be locked, and two first sessions at two servers would not see each other.
SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s::uuid || ' ' || %(device_id)s::uuid, 0))
WHERE app_user_id() = %(user_id)s::uuid;
