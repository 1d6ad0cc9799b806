-- Notes that the user's key was replaced after everything that was forgotten.
UPDATE users SET rekey_due_at = NULL WHERE user_id = %(user_id)s;
