-- Takes a message, at most once. Gives it and the seconds until it expires.
-- No row if it was taken, withdrawn or expired.
DELETE FROM relay_messages
WHERE user_id = %(user_id)s AND id = %(id)s AND worker_id = %(worker_id)s AND expires_at > clock_timestamp()
RETURNING body_encrypted, extract(epoch FROM expires_at - clock_timestamp())::float8 AS left_s;
