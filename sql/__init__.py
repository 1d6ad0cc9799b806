"""SQL statements and migrations, and the Trio connection, pool and runner that execute them."""
