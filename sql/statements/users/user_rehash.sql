-- Stores a new hash of the same password, made with newer parameters. Changes nothing if the stored hash is not the old
-- one: the password was changed meanwhile.
UPDATE users
SET password_hash = %(new_hash)s
WHERE user_id = %(user_id)s AND password_hash = %(old_hash)s
