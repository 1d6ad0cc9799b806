-- Removes the ids of accounts that were deleted before this time.
DELETE FROM deleted_users WHERE deleted_at < %(deleted_before)s;
