"""Several processes that are one server: a supervisor, its workers, and what the workers tell one another."""
