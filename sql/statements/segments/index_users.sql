-- Users whose memories are in this index, in the order of their ids, after the given id. For the worker role.
SELECT user_id
FROM users
WHERE memory_index = %(kind)s AND user_id > %(after)s
ORDER BY user_id
LIMIT %(limit)s;
