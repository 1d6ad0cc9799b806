-- Stores a new hash of the same password, made with newer parameters. Changes nothing when the hash is no longer the old
-- one: the password was changed in between.
UPDATE users
SET password_hash = %(new_hash)s
WHERE user_id = %(user_id)s AND password_hash = %(old_hash)s
