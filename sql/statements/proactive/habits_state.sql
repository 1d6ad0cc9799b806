-- Whether the habits of all earlier episodes are counted: one row, or none.
SELECT habits_counted FROM users WHERE user_id = %(user_id)s;
