-- Removes a core value with its history, by name.
DELETE FROM memory_core WHERE user_id = %(user_id)s AND key = %(key)s;
