-- Whether the user has a memory that is searched: one row.
SELECT EXISTS (SELECT FROM memory_associative WHERE user_id = %(user_id)s);
