-- Takes all of a user's episodes off the pending ones; waits for whoever works on them.
DELETE FROM memory_pending WHERE user_id = %(user_id)s;
