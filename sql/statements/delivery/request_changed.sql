-- Records that the request may change data from now on. Gives one row, or none if the request no longer counts as running.
UPDATE requests
SET changed = true
WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND claim = %(claim)s AND state = 'running'
RETURNING request_id;
