"""The stream benchmark's peers: the same chat socket, built from public packages as their documentation shows.

They run in a separate virtual environment (`requirements.txt`) and do less than Tessera: they forward text as it comes,
without blocks, accounts, memory, tools, limits or deadlines.
"""
