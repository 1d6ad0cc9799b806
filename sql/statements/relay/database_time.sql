-- The time of the database, for deletes: Citus refuses functions like now() in their conditions.
SELECT now();
