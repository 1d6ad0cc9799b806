"""The stream benchmark: one token's way through the server, beside peers built from public packages."""
