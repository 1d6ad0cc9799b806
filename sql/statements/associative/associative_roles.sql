-- Stores the roles of a memory, which are encrypted with its text, unless its contents have changed meanwhile.
UPDATE memory_associative SET content_encrypted = %(content_encrypted)s
WHERE user_id = %(user_id)s AND id = %(id)s AND content_digest = %(content_digest)s;
