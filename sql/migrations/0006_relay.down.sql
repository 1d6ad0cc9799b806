-- Servers serve the devices of their own sockets alone again.
DROP TABLE relay_requests;
DROP TABLE relay_messages;
DROP TABLE relay_devices;
DROP TABLE relay_workers;
