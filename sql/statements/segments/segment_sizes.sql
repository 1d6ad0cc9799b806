-- The segments: their ids, numbers of entries and bytes.
SELECT id, cardinality(memory_ids) AS entries, octet_length(segment_encrypted) AS bytes
FROM memory_segments
WHERE user_id = %(user_id)s
ORDER BY id;
