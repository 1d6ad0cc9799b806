-- Stores an enriched episode's summary.
UPDATE memory_episodic
SET summary_encrypted = %(summary_encrypted)s, enriched_at = now()
WHERE user_id = %(user_id)s AND id = %(id)s;
