DROP TABLE token_spend_entries;
