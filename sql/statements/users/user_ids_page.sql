-- Ids of users in order, after the given one. For the worker role, which sees nothing else.
SELECT user_id FROM users WHERE user_id > %(after)s ORDER BY user_id LIMIT %(limit)s;
