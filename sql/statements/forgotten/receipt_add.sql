-- Keeps the signed receipt of an erasure.
INSERT INTO memory_receipts (user_id, id, receipt, signature, public_key)
VALUES (%(user_id)s, %(id)s, %(receipt)s, %(signature)s, %(public_key)s);
