-- Takes a memory off those that await vectors, if the claim still holds; says whether it did.
DELETE FROM memory_unembedded
WHERE user_id = %(user_id)s AND memory_id = %(id)s AND claim = %(claim)s
RETURNING memory_id;
