-- One bit per dimension of a vector (its sign), small enough to lie in an index: a search compares the signatures of all
-- memories of a user by an index-only scan, and the vectors themselves of only those that come nearest.
ALTER TABLE memory_associative
    ADD COLUMN signature bit(1536) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(1536)) STORED;

CREATE INDEX memory_associative_signature ON memory_associative (user_id, embedding_model) INCLUDE (id, signature);
