-- Replaces the exchange of an episode by one without forgotten texts. The summary stays.
UPDATE memory_episodic SET exchange_encrypted = %(exchange_encrypted)s WHERE user_id = %(user_id)s AND id = %(id)s;
