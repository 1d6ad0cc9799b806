"""The Tessera server: device sockets, REST, accounts, answers and memory for devices.

`server.main` opens everything and passes it down.
"""
