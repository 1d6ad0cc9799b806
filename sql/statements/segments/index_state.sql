-- Which index has the user's memories, and the ids of the segments, which change with every write: one row, or none.
SELECT
    CASE
        WHEN memory_index = 'pgvector' AND memory_index_beside = 'complete' THEN 'both'
        WHEN memory_index = 'pgvector' AND memory_index_beside = 'building' THEN 'building'
        ELSE memory_index
    END AS memory_index,
    ARRAY(SELECT s.id FROM memory_segments AS s WHERE s.user_id = %(user_id)s ORDER BY s.id) AS segments
FROM users
WHERE user_id = %(user_id)s;
