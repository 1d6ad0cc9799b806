-- Forgets a pattern for good. Its row stays, without confidence, so that the pattern is not found again.
UPDATE memory_proactive SET confidence = 0, source = 'forgotten' WHERE user_id = %(user_id)s AND id = %(id)s;
