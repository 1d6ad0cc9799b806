"""The stream benchmark: the cost of a token in the server, compared with peers built from public packages."""
