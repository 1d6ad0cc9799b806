-- The last number of a user's log of changes: one row, or none if the log is empty.
SELECT last FROM change_logs WHERE user_id = %(user_id)s;
