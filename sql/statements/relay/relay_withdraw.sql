-- Withdraws a message. Gives one row, or none if it does not exist: never sent, taken or expired.
DELETE FROM relay_messages
WHERE user_id = %(user_id)s AND id = %(id)s
RETURNING id;
