-- The ids of all episodes of a conversation.
SELECT id FROM memory_episodic WHERE user_id = %(user_id)s AND session_id = %(conversation_id)s;
