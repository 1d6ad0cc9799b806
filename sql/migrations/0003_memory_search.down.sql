-- Vectors are compared one by one again.
DROP INDEX memory_associative_signature;
ALTER TABLE memory_associative DROP COLUMN signature;
