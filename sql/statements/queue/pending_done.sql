-- Takes an episode off the pending ones.
DELETE FROM memory_pending WHERE user_id = %(user_id)s AND episode_id = %(id)s;
