-- The table `requests` admits the ids of requests at all servers since 0008, so this table is not used any more.
DROP TABLE relay_requests;
