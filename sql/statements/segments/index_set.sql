-- Records which index has the user's memories, and whether there are segments in addition to the rows that PostgreSQL searches.
UPDATE users SET memory_index = %(kind)s, memory_index_beside = %(beside)s WHERE user_id = %(user_id)s;
