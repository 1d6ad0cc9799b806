-- Waits until nobody works on the user's pending episodes, or on the one of this id. All who lock several rows of this
-- table and wait for them do so in the order of their ids.
SELECT episode_id
FROM memory_pending
WHERE user_id = %(user_id)s AND (%(id)s::uuid IS NULL OR episode_id = %(id)s::uuid)
ORDER BY episode_id
FOR UPDATE;
