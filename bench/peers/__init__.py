"""The stream benchmark's peers: the same chat socket, built from public packages as their documentation shows.

They run in a virtual environment of their own (`requirements.txt`) and do less than Tessera: text is forwarded as it
comes, without blocks, accounts, memory, tools, bounds or deadlines.
"""
