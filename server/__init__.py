"""The Tessera server: device sockets, REST, accounts, sessions, requests and their answers.

`server.main` opens everything and passes it down as arguments; code that needs both a user and a network belongs here.
"""
