-- Stores the summary of an enriched episode.
UPDATE memory_episodic
SET summary_encrypted = %(summary_encrypted)s, enriched_at = now()
WHERE user_id = %(user_id)s AND id = %(id)s;
