-- The number of the user's memories that PostgreSQL searches: one row.
SELECT count(*) FROM memory_signatures WHERE user_id = %(user_id)s;
