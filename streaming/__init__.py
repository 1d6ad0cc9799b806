"""The wire frames, model streams over HTTP, the formatters that turn one into the other, and the socket's outbox."""
