-- Users with segments in addition to the rows that PostgreSQL searches, in the order of their ids, after the given id. For
-- the worker role.
SELECT user_id
FROM users
WHERE memory_index_beside = %(beside)s AND user_id > %(after)s
ORDER BY user_id
LIMIT %(limit)s;
