-- The encrypted bodies of requests in the order of their ids, after the given one.
SELECT request_id, body_encrypted
FROM requests
WHERE user_id = %(user_id)s AND request_id > %(after)s AND body_encrypted IS NOT NULL
ORDER BY request_id
LIMIT %(limit)s;
