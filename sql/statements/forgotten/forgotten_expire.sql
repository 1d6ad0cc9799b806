-- Removes the tombstones of all users that only stopped work in progress before this time. Those of a user whose episodes still
-- wait for enrichment stay. The worker role may delete no others.
DELETE FROM memory_forgotten
WHERE expires AND until < %(before)s
  AND NOT EXISTS (SELECT FROM memory_pending WHERE memory_pending.user_id = memory_forgotten.user_id);
