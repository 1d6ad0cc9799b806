-- Results of requests can't be fetched again, and devices miss the changes of the time they were away.
ALTER TABLE devices DROP COLUMN change_cursor;
DROP TABLE changes;
DROP TABLE change_logs;
DROP TABLE requests;
