-- Takes an e-mail address for a user. Gives one row, or none if the address is taken, in any case.
INSERT INTO accounts (address, user_id)
VALUES (lower(%(email)s), %(user_id)s)
ON CONFLICT (address) DO NOTHING
RETURNING user_id;
