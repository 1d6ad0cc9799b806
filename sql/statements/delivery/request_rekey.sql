-- Stores the body of a request, encrypted with another key.
UPDATE requests
SET body_encrypted = %(body_encrypted)s
WHERE user_id = %(user_id)s AND request_id = %(request_id)s;
