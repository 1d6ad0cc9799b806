-- Removes the ids of accounts that were deleted more than two days ago.
DELETE FROM deleted_users WHERE deleted_at < now() - interval '2 days';
