-- Takes a message: nobody gets it twice. Gives it and the seconds that are left until it would have been over, or no row
-- when it was taken, withdrawn or is over.
DELETE FROM relay_messages
WHERE user_id = %(user_id)s AND id = %(id)s AND worker_id = %(worker_id)s AND expires_at > clock_timestamp()
RETURNING body_encrypted, extract(epoch FROM expires_at - clock_timestamp())::float8 AS left_s;
