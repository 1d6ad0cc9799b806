-- Removes a core value with its history, by id.
DELETE FROM memory_core WHERE user_id = %(user_id)s AND id = %(id)s;
