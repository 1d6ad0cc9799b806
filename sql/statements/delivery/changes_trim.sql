-- Removes a user's oldest changes beyond the number of changes to keep.
DELETE FROM changes
WHERE user_id = %(user_id)s
  AND number <= (SELECT last FROM change_logs WHERE user_id = %(user_id)s) - %(keep)s;
