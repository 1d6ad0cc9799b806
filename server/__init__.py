"""Sockets, sessions, requests, devices, REST, auth, settings; `server.main` is the only place that composes."""
