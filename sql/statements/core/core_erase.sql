-- Removes all core values.
DELETE FROM memory_core WHERE user_id = %(user_id)s;
