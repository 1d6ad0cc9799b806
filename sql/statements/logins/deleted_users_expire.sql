-- Removes the ids of accounts that were deleted more than two days before this time.
DELETE FROM deleted_users WHERE deleted_at < %(now)s::timestamptz - interval '2 days';
