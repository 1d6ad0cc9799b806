"""The resume benchmark: what it costs when devices lose their sockets and come back, one by one and all together."""
