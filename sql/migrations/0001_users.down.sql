-- Removes every user and device, with their data.
DROP TABLE devices;
DROP TABLE users;
