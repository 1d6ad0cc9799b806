"""The wire frames, model streams over HTTP, and the formatters that turn one into the other."""
