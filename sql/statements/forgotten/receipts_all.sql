-- The receipts of a user's erasures, newest first.
SELECT receipt, signature, public_key FROM memory_receipts WHERE user_id = %(user_id)s ORDER BY created_at DESC, id;
