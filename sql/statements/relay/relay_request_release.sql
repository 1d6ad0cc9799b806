-- Releases a claimed request id under which nothing ran.
DELETE FROM relay_requests WHERE user_id = %(user_id)s AND request_id = %(request_id)s;
