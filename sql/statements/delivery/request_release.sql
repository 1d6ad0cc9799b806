-- Gives back the id of an admitted request under which nothing ran.
DELETE FROM requests WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND claim = %(claim)s;
