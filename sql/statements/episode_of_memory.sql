-- The episode that a memory was learned from: one row, or none.
SELECT source_id FROM memory_associative WHERE user_id = %(user_id)s AND id = %(id)s AND source = 'episode';
