-- Takes a memory out of the vector queue if the claim still holds. Gives a row if it did.
DELETE FROM memory_unembedded
WHERE user_id = %(user_id)s AND memory_id = %(id)s AND claim = %(claim)s
RETURNING memory_id;
