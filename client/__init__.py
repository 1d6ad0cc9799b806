"""Clients of the Tessera server: the terminal client, and the kit that tests clients in any language.

The folder also holds the npm workspace with the TypeScript SDK, the React components, the playground and an example.
"""
