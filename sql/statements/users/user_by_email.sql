-- The id of the user with this e-mail address, in any case: one row, or none.
SELECT user_id FROM accounts WHERE address = lower(%(email)s);
