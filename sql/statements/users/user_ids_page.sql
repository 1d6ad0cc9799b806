-- The ids of users in order, after the given id. For the worker role, which may read no other column.
SELECT user_id FROM users WHERE user_id > %(after)s ORDER BY user_id LIMIT %(limit)s;
