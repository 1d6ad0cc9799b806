-- Records which index has the user's memories.
UPDATE users SET memory_index = %(kind)s WHERE user_id = %(user_id)s;
