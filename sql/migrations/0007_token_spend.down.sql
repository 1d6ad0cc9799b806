-- Each server counts tokens for itself again.
DROP TABLE token_spend;
