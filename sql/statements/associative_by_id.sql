-- Where one memory comes from: one row, or none.
SELECT source_id FROM memory_associative WHERE user_id = %(user_id)s AND id = %(id)s;
