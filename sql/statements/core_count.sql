-- How many core values the user has.
SELECT count(*) FROM memory_core WHERE user_id = %(user_id)s;
