-- The episodes that this claim still holds. Locks them until the transaction ends.
SELECT episode_id FROM memory_pending
WHERE user_id = %(user_id)s AND claim = %(claim)s
FOR UPDATE;
