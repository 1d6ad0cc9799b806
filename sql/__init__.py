"""Everything that speaks SQL: the statements, the migrations, and the Trio connections and pool that run them.

Each statement is a file in `sql/statements/`. What the rows mean belongs to the callers, `memory` and `server`.
"""
