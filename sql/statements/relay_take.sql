-- Takes a message: nobody gets it twice. Gives no row when it was taken or is over.
DELETE FROM relay_messages
WHERE user_id = %(user_id)s AND id = %(id)s AND worker_id = %(worker_id)s AND expires_at > now()
RETURNING body_encrypted;
