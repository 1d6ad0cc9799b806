-- Gives up the address of a user who is deleted. Unless the tables are distributed, deleting the user does so too.
DELETE FROM accounts WHERE user_id = %(user_id)s;
