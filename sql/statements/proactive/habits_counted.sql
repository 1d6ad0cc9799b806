-- Notes that the habits of all earlier episodes are counted.
UPDATE users SET habits_counted = true WHERE user_id = %(user_id)s AND NOT habits_counted;
