-- Takes a message back. Gives one row, or none when it is not there: never sent, taken or over.
DELETE FROM relay_messages
WHERE user_id = %(user_id)s AND id = %(id)s
RETURNING id;
