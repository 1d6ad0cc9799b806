-- Removes all of a user's changes. The last number stays, so that every device learns that it missed changes.
DELETE FROM changes WHERE user_id = %(user_id)s;
