-- How many of the user's episodes await enrichment.
SELECT count(*) FROM memory_pending WHERE user_id = %(user_id)s;
