-- Which of these ended requests of a user have no body: it was erased, or never sealed.
SELECT request_id FROM requests
WHERE user_id = %(user_id)s AND request_id = ANY(%(request_ids)s) AND state <> 'running' AND body_encrypted IS NULL;
