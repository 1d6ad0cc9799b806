-- The number of the user's episodes that wait for enrichment.
SELECT count(*) FROM memory_pending WHERE user_id = %(user_id)s;
