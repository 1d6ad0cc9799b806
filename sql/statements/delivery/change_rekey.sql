-- Stores the body of a change, encrypted with another key.
UPDATE changes SET body_encrypted = %(body_encrypted)s WHERE user_id = %(user_id)s AND number = %(number)s;
